// Package cli is what the `virga` command does beside serving: it deploys, calls, watches and explains, by signed calls
// to a server over HTTP with the same clients that services use of each other. It goes round no gate: what it may do is
// what its credentials may.
//
// Commands are structs that kong fills and runs with an App; the App holds everything of the outside world, so that a test
// gives its own. It keeps no state but what it writes where it says.
package cli
