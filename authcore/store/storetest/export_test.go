package storetest

// Stall is how long one step of a case may take.
var Stall = &stall
