// Package scale measures what a login and a session cost in a store, and plays the
// morning of many people on paper; it has nothing but tests. docs/scale.md is made of
// both, and held to them.
package scale
