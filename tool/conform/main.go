// Command conform answers the conformance runners: it is started once, reads one JSON object per line on its standard
// input and writes one per line in answer. Each suite is a sub-command and a file of its own.
//
// It is a judge's ear for the project's own packages, not a tool for users, and nothing depends on it.
package main

import (
	"fmt"
	"os"
)

func main() {
	name := ""
	if len(os.Args) > 1 {
		name = os.Args[1]
	}
	var run func() error
	switch name {
	case "sigv4-sign", "sigv4-verify":
		run = sigv4Main
	case "sam":
		run = samMain
	case "protocols":
		run = func() error { return protocols(os.Stdin, os.Stdout) }
	case "eventpatterns":
		run = eventpatternsMain
	case "asl-validity":
		run = aslValidityMain
	case "jsonata":
		run = func() error { return lines(jsonataLine) }
	default:
		fmt.Fprintf(os.Stderr, "conform: no suite %q\n", name)
		os.Exit(2)
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "conform:", err)
		os.Exit(1)
	}
}
