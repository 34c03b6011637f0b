// Command conform answers the scripts that score parts of Virga against public suites: it reads one JSON object per
// line and writes one in answer. It is no part of the product.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: conform protocols")
		os.Exit(2)
	}
	var err error
	switch os.Args[1] {
	case "protocols":
		err = protocols(os.Stdin, os.Stdout)
	default:
		err = fmt.Errorf("no suite %q", os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "conform:", err)
		os.Exit(1)
	}
}
