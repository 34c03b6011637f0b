// Virga is a serverless cloud with AWS's own APIs in one binary.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/alecthomas/kong"

	"virga/internal/cli"
	"virga/internal/cloud"
	"virga/internal/launcher"
	"virga/internal/sandbox/process"
	"virga/internal/worker"
)

type root struct {
	cli.Commands

	Serve   serveCmd   `cmd:"" group:"run" help:"Run the cloud: one port that speaks AWS's APIs."`
	Version versionCmd `cmd:"" group:"set up" help:"Print the version."`
}

type versionCmd struct{ cli.Globals }

// Help teaches.
func (*versionCmd) Help() string { return "  virga version --output json" }

// Run prints the version.
func (v *versionCmd) Run(a *cli.App) error { return a.ShowVersion() }

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
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	exe, err := os.Executable()
	if err != nil {
		exe = os.Args[0]
	}
	home, _ := os.UserHomeDir()
	data, _ := dataDir()
	st, serr := os.Stdout.Stat()
	a := &cli.App{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv, Home: home, Data: data, Exe: exe, Version: cloud.Version,
		Terminal: serr == nil && st.Mode()&os.ModeCharDevice != 0}
	var c root
	ended := -1 // kong's own end: help
	k, err := kong.New(&c, kong.Name("virga"), kong.Description(cli.Description), kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.Bind(a), kong.Exit(func(code int) { ended = code }))
	if err != nil {
		fmt.Fprintln(os.Stderr, "virga:", err)
		return cli.ExitUsage
	}
	ctx, err := k.Parse(args)
	if ended >= 0 {
		return ended
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "virga:", err)
		fmt.Fprintln(os.Stderr, "virga --help shows the commands, virga COMMAND --help teaches one.")
		return cli.ExitUsage
	}
	if err := ctx.Run(a); err != nil {
		msg, code := a.Explain(err)
		if msg != "" {
			fmt.Fprintln(os.Stderr, "virga:", msg)
		}
		return code
	}
	return 0
}
