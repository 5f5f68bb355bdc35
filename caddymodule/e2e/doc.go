// Package e2e holds no code but tests: the whole server, built as operators
// build it and started as they start it, real applications behind it, and
// people before it who read its pages as a browser does.
package e2e
