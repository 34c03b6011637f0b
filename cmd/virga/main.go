// Virga is a serverless cloud with AWS's own APIs in one binary.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"virga/internal/auth"
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

type serveCmd struct {
	Listen        string   `default:"127.0.0.1:4566" help:"Address and port."`
	Data          string   `type:"path" help:"Data folder; by default virga in the user's data folder."`
	Ephemeral     bool     `help:"Keep everything in memory; all is gone with the process."`
	Dev           bool     `help:"Development: the keys test/test work from loopback, the master key stays in the data folder."`
	Account       string   `help:"Account of 12 digits; 000000000000 with --dev, else a stored random one."`
	Region        string   `default:"us-east-1" help:"Region of requests that name none."`
	DevKey        []string `help:"Development key as ID:SECRET, of the account; may be repeated."`
	DevAllow      []string `help:"Network (CIDR) from which development keys work beside loopback; may be repeated."`
	Domain        string   `default:"localhost" help:"Domain of the server's names."`
	MasterKeyFile string   `type:"path" help:"File of the master key, outside the data folder."`
	AllowOrigin   []string `help:"Origin of a web page that may call the API; may be repeated."`
	LogLevel      string   `enum:"debug,info,warn,error" default:"info" help:"debug, info, warn or error."`
}

// Run serves until SIGTERM or SIGINT.
func (s *serveCmd) Run() error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.LogLevel)); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	cfg := cloud.Config{Data: s.Data, Ephemeral: s.Ephemeral, Dev: s.Dev, Account: s.Account, Region: s.Region, Domain: s.Domain, MasterKeyFile: s.MasterKeyFile, Origins: s.AllowOrigin, Log: log}
	if s.Ephemeral && s.Data != "" {
		return errors.New("--ephemeral keeps nothing: leave out --data")
	}
	if !s.Ephemeral && s.Data == "" {
		dir, err := dataDir()
		if err != nil {
			return err
		}
		cfg.Data = dir
	}
	for _, n := range s.DevAllow {
		_, ipnet, err := net.ParseCIDR(n)
		if err != nil {
			return fmt.Errorf("--dev-allow: %w", err)
		}
		if !s.Dev {
			return errors.New("--dev-allow works with --dev only")
		}
		cfg.DevNetworks = append(cfg.DevNetworks, ipnet)
		fmt.Printf("Development keys work from %s.\n", ipnet)
	}
	host, _, err := net.SplitHostPort(s.Listen)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	if ip := net.ParseIP(host); (ip == nil || !ip.IsLoopback()) && host != "localhost" {
		return fmt.Errorf("--listen %s: beyond loopback this version serves no TLS, and plain HTTP would show signatures and data; listen on 127.0.0.1", s.Listen)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	account := s.Account
	if account == "" {
		account = "000000000000"
	}
	if len(s.DevKey) > 0 {
		if !s.Dev {
			return errors.New("--dev-key works with --dev only")
		}
		cfg.DevKeys = []auth.DevKey{{ID: "test", Secret: "test", Account: account}}
		for _, k := range s.DevKey {
			id, secret, ok := strings.Cut(k, ":")
			if !ok || id == "" || secret == "" {
				return fmt.Errorf("--dev-key %q: give ID:SECRET", id)
			}
			cfg.DevKeys = append(cfg.DevKeys, auth.DevKey{ID: id, Secret: secret, Account: account})
		}
	}
	l, err := net.Listen("tcp", s.Listen)
	if err != nil {
		return err
	}
	c, err := cloud.New(ctx, cfg)
	if err != nil {
		l.Close()
		return err
	}
	fmt.Printf("Virga %s, account %s, region %s, endpoint http://%s\n", cloud.Version, c.Account, c.Region, l.Addr())
	if s.Ephemeral {
		fmt.Println("Everything is in memory and gone with this process (--ephemeral).")
	} else {
		fmt.Printf("Data: %s; root key: %s\n", cfg.Data, filepath.Join(cfg.Data, "root-"+c.Account+".key"))
	}
	if s.Dev {
		fmt.Println("Development: the keys test/test work from loopback (--dev).")
	} else if s.Ephemeral {
		fmt.Printf("Root key of this process: AWS_ACCESS_KEY_ID=%s (its secret is not printed; use --dev or --data)\n", c.RootKey.ID)
	}
	fmt.Println("Ready.")
	err = c.Serve(ctx, l)
	return errors.Join(err, c.Close())
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
