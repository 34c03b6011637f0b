// Virga is a serverless cloud with AWS's own APIs in one binary.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/alecthomas/kong"

	"virga/internal/cloud"
	"virga/internal/launcher"
	"virga/internal/sandbox/process"
	"virga/internal/worker"
)

type cli struct {
	Serve   serveCmd   `cmd:"" help:"Run the cloud: one port that speaks AWS's APIs."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

type versionCmd struct {
	Output string `enum:"text,json" default:"text" help:"text or json."`
}

// Run prints the version.
func (v *versionCmd) Run() error {
	if v.Output == "json" {
		fmt.Printf("{\"version\":%q}\n", cloud.Version)
		return nil
	}
	fmt.Println("virga", cloud.Version)
	return nil
}

func dataDir() (string, error) {
	if d := os.Getenv("XDG_DATA_HOME"); d != "" {
		return filepath.Join(d, "virga"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no data folder: %w; give --data DIR", err)
	}
	return filepath.Join(home, ".local", "share", "virga"), nil
}

func main() {
	// The parts of this binary that are started by itself come before anything else.
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case launchArg:
			launchMain()
		case launcher.Arg:
			launcher.Main()
		case process.Arg:
			process.Main()
		case worker.Arg:
			worker.Main()
		}
	}
	var c cli
	k, err := kong.New(&c, kong.Name("virga"), kong.Description("A serverless cloud with AWS's own APIs in one binary."), kong.UsageOnError())
	if err != nil {
		fmt.Fprintln(os.Stderr, "virga:", err)
		os.Exit(2)
	}
	ctx, err := k.Parse(os.Args[1:])
	k.FatalIfErrorf(err)
	k.FatalIfErrorf(ctx.Run())
}
