package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"virga/internal/auth"
	"virga/internal/cli"
	"virga/internal/cloud"
	"virga/internal/egress"
	"virga/internal/launcher"
)

type serveCmd struct {
	Listen        string   `default:"127.0.0.1:4566" help:"Address and port."`
	Data          string   `help:"Data folder; by default virga in the user's data folder."`
	Ephemeral     bool     `help:"Keep everything in memory; all is gone with the process."`
	Dev           bool     `help:"Development: the keys test/test work from loopback, the master key stays in the data folder."`
	Account       string   `help:"Account of 12 digits; 000000000000 with --dev, else a stored random one."`
	Region        string   `default:"us-east-1" help:"Region of requests that name none."`
	DevKey        []string `help:"Development key as ID:SECRET, of the account; may be repeated."`
	DevAllow      []string `help:"Network (CIDR) from which development keys work beside loopback; may be repeated."`
	Domain        string   `default:"localhost" help:"Domain of the server's names."`
	MasterKeyFile string   `type:"path" help:"File of the master key, outside the data folder."`
	TLSCert       string   `name:"tls-cert" type:"path" help:"Certificate chain (PEM) of the server's names; by default one of the server's own authority."`
	TLSKey        string   `name:"tls-key" type:"path" help:"Private key (PEM) of --tls-cert."`
	TrustedProxy  []string `help:"Network (CIDR) of a proxy whose X-Forwarded-For and X-Forwarded-Proto count; may be repeated."`
	PlainHTTP     bool     `name:"plain-http-behind-proxy" help:"Beyond loopback, take plain HTTP from --trusted-proxy: the proxy does TLS."`
	AllowOrigin   []string `help:"Origin of a web page that may call the API; may be repeated."`
	Isolation     string   `enum:"auto,namespace,process,none" default:"auto" help:"How functions run: auto, namespace, process (with --dev), none."`
	IsolationMin  string   `enum:",namespace" default:"" help:"Refuse to start where functions would run in a weaker kind."`
	Runtimes      string   `type:"path" env:"VIRGA_RUNTIMES" help:"Folder that make runtimes filled: the SDKs that AWS's runtimes bring."`
	RunDir        string   `type:"path" help:"Folder of what lives no longer than the server; by default below /run or the system's temporary folder."`
	EgressAllow   []string `help:"What functions may reach: public, a name (db.example.com:5432, *.example.com) or a network; the public internet with --dev, nothing otherwise."`
	LogLevel      string   `enum:"debug,info,warn,error" default:"info" help:"debug, info, warn or error."`

	Child    bool   `hidden:"" help:"Started by the launcher."`
	DataName string `hidden:"" help:"The data folder as people know it."`
	ListenFD int    `hidden:"" help:"Descriptor of the listener."`
	TLSFD    int    `name:"tls-fd" hidden:"" help:"Descriptor of the certificate; the next is its key."`
}

const serverUID = 209_999 // just below the uids of sandboxes

// Run serves until SIGTERM or SIGINT. As root the process becomes the launcher and starts the server under a uid of its
// own; else the server starts a launcher without privileges.
func (s *serveCmd) Run() error {
	if os.Getenv(launchGuard) != "" {
		return errors.New("serve was started in the launcher's place: this binary's main does not know " + launchArg)
	}
	if s.Ephemeral && s.Data != "" {
		return errors.New("--ephemeral keeps nothing: leave out --data")
	}
	if !s.Ephemeral && s.Data == "" {
		dir, err := dataDir()
		if err != nil {
			return err
		}
		s.Data = dir
	}
	if !s.Ephemeral && !s.Child {
		dir, err := filepath.Abs(s.Data)
		if err != nil {
			return err
		}
		s.Data = dir
	}
	if err := s.check(); err != nil {
		return err
	}
	run, err := s.runDir()
	if err != nil {
		return err
	}
	f, err := s.functions(run)
	if err != nil {
		return err
	}
	if s.Isolation != "none" && !s.Child {
		if err := f.Prepare(s.Dev, s.Domain); err != nil {
			return fmt.Errorf("functions: %w", err)
		}
	}
	if !s.Child && os.Geteuid() == 0 && (s.Isolation == "auto" || s.Isolation == "namespace") {
		return s.launch(f)
	}
	return s.serve(f)
}

func (s *serveCmd) check() error {
	host, _, err := net.SplitHostPort(s.Listen)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	if ip := net.ParseIP(host); (ip == nil || !ip.IsLoopback()) && host != "localhost" {
		// Two refusals: data and signatures never go over a network in the open, and a key that everybody knows never
		// opens a port that others reach.
		if s.PlainHTTP && len(s.TrustedProxy) == 0 {
			return fmt.Errorf("--listen %s --plain-http-behind-proxy: name the proxy with --trusted-proxy CIDR; from anybody else plain HTTP would show signatures and data", s.Listen)
		}
		if s.Dev && len(s.DevAllow) == 0 {
			return fmt.Errorf("--listen %s --dev: test/test is a key that everybody knows; beyond loopback name the networks it may come from with --dev-allow CIDR, or leave out --dev", s.Listen)
		}
	}
	if (s.TLSCert == "") != (s.TLSKey == "") {
		return errors.New("--tls-cert and --tls-key belong together")
	}
	switch {
	case len(s.DevAllow) > 0 && !s.Dev:
		return errors.New("--dev-allow works with --dev only")
	case len(s.DevKey) > 0 && !s.Dev:
		return errors.New("--dev-key works with --dev only")
	case s.Isolation == "process" && !s.Dev:
		return errors.New("--isolation process keeps code off the data folder, but shares the machine's network and user: it works with --dev only")
	case s.Isolation == "process" && s.IsolationMin == "namespace":
		return errors.New("--isolation process is weaker than --isolation-min namespace")
	}
	return nil
}

// runDir is a folder of this server's own: the same at the next start, another for another data folder.
func (s *serveCmd) runDir() (string, error) {
	if s.RunDir != "" {
		return s.RunDir, nil
	}
	of := s.Data
	if s.Ephemeral {
		of = "ephemeral " + s.Listen + " " + strconv.Itoa(os.Getpid())
		if s.Child {
			of = "ephemeral " + s.Listen + " " + strconv.Itoa(os.Getppid())
		}
	}
	sum := sha256.Sum256([]byte(of))
	name := "virga-" + hex.EncodeToString(sum[:6])
	if os.Geteuid() == 0 || s.Child {
		if st, err := os.Stat("/run"); err == nil && st.IsDir() {
			return filepath.Join("/run", name), nil
		}
	}
	if d := os.Getenv("XDG_RUNTIME_DIR"); d != "" {
		return filepath.Join(d, name), nil
	}
	return filepath.Join(os.TempDir(), name+"-"+strconv.Itoa(os.Geteuid())), nil
}

func (s *serveCmd) functions(run string) (cloud.Functions, error) {
	f := cloud.Functions{Run: run, Runtimes: s.Runtimes, Public: s.Dev && len(s.EgressAllow) == 0, IsolationMin: s.IsolationMin}
	for _, a := range s.EgressAllow {
		if a == "public" {
			f.Public = true
			continue
		}
		r, err := egress.ParseRule(a)
		if err != nil {
			return f, err
		}
		f.Allow = append(f.Allow, r)
	}
	return f, nil
}

func (s *serveCmd) launcherConfig(f cloud.Functions) launcher.Config {
	cfg := f.LauncherConfig(s.Dev, filepath.Base(f.Run))
	cfg.ServerUID, cfg.ServerGID = serverUID, serverUID
	if _, port, err := net.SplitHostPort(s.Listen); err == nil {
		cfg.Mirror, _ = strconv.Atoi(port)
	}
	return cfg
}

// launch makes this process the launcher: it opens the port, gives the folders to the server's uid, and starts it.
func (s *serveCmd) launch(f cloud.Functions) error {
	l, err := net.Listen("tcp", s.Listen)
	if err != nil {
		return err
	}
	lf, err := l.(*net.TCPListener).File()
	if err != nil {
		return err
	}
	s.Listen = l.Addr().String()
	l.Close() // lf holds the port. The launcher closes all other descriptors by number: none may have an owner left that closes its number again
	if !s.Ephemeral {
		if err := give(s.Data); err != nil {
			return err
		}
	}
	if s.MasterKeyFile != "" {
		if _, err := os.Stat(s.MasterKeyFile); err == nil {
			if err := os.Chown(s.MasterKeyFile, serverUID, serverUID); err != nil {
				return err
			}
		}
	}
	if err := s.ready(l.Addr()); err != nil {
		return err
	}
	if err := give(f.Run); err != nil {
		return err
	}
	sweep(f.Run)
	exe, err := s.reachable(f.Run)
	if err != nil {
		return err
	}
	files := []*os.File{lf}
	var fds []string
	if s.TLSCert != "" { // files of the operator's, closed to the server's uid
		for _, name := range []string{s.TLSCert, s.TLSKey} {
			f, err := os.Open(name)
			if err != nil {
				return err
			}
			files = append(files, f)
		}
		fds = append(fds, "--tls-fd=5")
	}
	args := append(append(append([]string{}, os.Args[1:]...), fds...), "--child", "--listen-fd=4", "--run-dir="+f.Run)
	// Paths as they are from here, and what came by the environment, which the server does not have.
	if s.Runtimes != "" {
		args = append(args, "--runtimes="+s.Runtimes)
	}
	if s.MasterKeyFile != "" {
		args = append(args, "--master-key-file="+s.MasterKeyFile)
	}
	if !s.Ephemeral {
		// The server starts in its data folder and knows it as ".": folders above it may be closed to its uid.
		if err := os.Chdir(s.Data); err != nil {
			return err
		}
		args = append(args, "--data=.", "--data-name="+s.Data)
	}
	// A fresh image of this binary: the launcher closes every descriptor that is not its own, and whatever this process has
	// opened so far, its runtime's included, must not come back to them.
	var keep []int
	for _, x := range files {
		if _, err := unix.FcntlInt(x.Fd(), unix.F_SETFD, 0); err != nil {
			return err
		}
		keep = append(keep, int(x.Fd()))
	}
	text, err := json.Marshal(launch{Config: s.launcherConfig(f), Exe: exe, Args: args, Env: childEnv(), Files: keep, Run: f.Run})
	if err != nil {
		return err
	}
	return fmt.Errorf("launcher: %w", syscall.Exec("/proc/self/exe", []string{os.Args[0], launchArg, string(text)}, append(os.Environ(), launchGuard+"=1")))
}

// launch is what the launcher's image is told.
type launch struct {
	Config launcher.Config
	Exe    string
	Args   []string
	Env    []string
	Files  []int  // descriptors for the server: the listener, and the operator's certificate and key
	Run    string // folder that goes with the server
}

// launchGuard is in the environment of the launcher's image. A binary whose main does not know launchArg must not begin
// all over again.
const launchGuard = "VIRGA_LAUNCH"

// launchArg is os.Args[1] of the launcher's image.
const launchArg = "virga-launch"

// launchMain is the launcher's life. It does not return.
func launchMain() {
	var l launch
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "virga: the launcher is started by serve")
		os.Exit(launcher.ErrorExit)
	}
	if err := json.Unmarshal([]byte(os.Args[2]), &l); err != nil {
		fmt.Fprintln(os.Stderr, "virga: launcher:", err)
		os.Exit(launcher.ErrorExit)
	}
	var server atomic.Int64
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() { // the server finishes what it must, and its end is this process's
		for range signals {
			if pid := int(server.Load()); pid > 0 {
				syscall.Kill(pid, syscall.SIGTERM)
			}
		}
	}()
	var files []*os.File
	for _, fd := range l.Files {
		files = append(files, os.NewFile(uintptr(fd), "server's"))
	}
	code, err := launcher.Serve(l.Config, launcher.ServerCommand{Path: l.Exe, Args: l.Args, Env: l.Env, Files: files,
		Started: func(pid int) { server.Store(int64(pid)) }})
	if err != nil {
		fmt.Fprintln(os.Stderr, "virga: launcher:", err)
	}
	os.RemoveAll(l.Run)
	os.Exit(code)
}

// childEnv is the little that the server needs of the environment.
func childEnv() []string {
	out := []string{"PATH=/usr/bin:/bin", "HOME=/"}
	for _, n := range []string{"TZ", "GOMAXPROCS", "GOMEMLIMIT", "GODEBUG"} {
		if v := os.Getenv(n); v != "" {
			out = append(out, n+"="+v)
		}
	}
	return out
}

// give makes a folder and all in it the server's; nobody else looks into the data folder.
func give(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		i, err := d.Info()
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == cli.ReadyFolder && filepath.Dir(p) == dir {
			return filepath.SkipDir // what runs as the user who starts the server is not the server's
		}
		if st, ok := i.Sys().(*syscall.Stat_t); ok && st.Uid == serverUID {
			return nil
		}
		return os.Lchown(p, serverUID, serverUID)
	})
}

// ready starts what runs the executables of ready.d once the server answers: a process of its own, as the user who starts
// this one, which ends with it.
func (s *serveCmd) ready(at net.Addr) error {
	dir := filepath.Join(s.Data, cli.ReadyFolder)
	if s.Ephemeral || s.Data == "" {
		return nil
	}
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		return nil
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	args := []string{exe, "ready", "--dir", dir, "--endpoint", "http://" + at.String(), "--region", s.Region}
	if s.Dev {
		args = append(args, "--dev")
	}
	// By descriptor numbers alone: the launcher closes those that it does not know.
	pid, err := syscall.ForkExec(exe, args, &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, 2, 2}})
	if err != nil {
		return fmt.Errorf("%s: %w", cli.ReadyFolder, err)
	}
	go func() {
		var ws syscall.WaitStatus
		for {
			if _, err := syscall.Wait4(pid, &ws, 0, nil); err != syscall.EINTR {
				return
			}
		}
	}()
	return nil
}

// reachable gives a path of this binary that the server's uid may run: its own, or a copy where a folder above it is
// closed to others.
func (s *serveCmd) reachable(run string) (string, error) {
	exe, err := os.Executable()
	if err != nil {
		return "", err
	}
	if exe, err = filepath.EvalSymlinks(exe); err != nil {
		return "", err
	}
	open := true
	for p := exe; p != "/"; p = filepath.Dir(p) {
		st, err := os.Stat(p)
		if err != nil {
			return "", err
		}
		open = open && st.Mode().Perm()&0o001 != 0
	}
	if open {
		return exe, nil
	}
	to := filepath.Join(run, "virga")
	os.Remove(to)
	if os.Link(exe, to) == nil {
		return to, nil
	}
	b, err := os.ReadFile(exe)
	if err != nil {
		return "", err
	}
	return to, os.WriteFile(to, b, 0o755)
}

// sweep removes the folders of servers that were killed: those below the place of run that no process names.
func sweep(run string) {
	left, err := filepath.Glob(filepath.Join(filepath.Dir(run), "virga-????????????"))
	if err != nil || len(left) == 0 {
		return
	}
	var all strings.Builder
	procs, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range procs {
		if b, err := os.ReadFile(p); err == nil {
			all.Write(b)
		}
	}
	lines := all.String()
	for _, d := range left {
		st, err := os.Stat(d)
		if d != run && err == nil && time.Since(st.ModTime()) > sweepAfter && !strings.Contains(lines, d) {
			os.RemoveAll(d)
		}
	}
}

// sweepAfter spares a folder whose server is just starting.
const sweepAfter = time.Minute

// serve is the server itself.
func (s *serveCmd) serve(f cloud.Functions) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.LogLevel)); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	cfg := cloud.Config{Data: s.Data, Ephemeral: s.Ephemeral, Dev: s.Dev, Account: s.Account, Region: s.Region, Domain: s.Domain, MasterKeyFile: s.MasterKeyFile, Origins: s.AllowOrigin, Log: log}
	for _, n := range s.DevAllow {
		_, ipnet, err := net.ParseCIDR(n)
		if err != nil {
			return fmt.Errorf("--dev-allow: %w", err)
		}
		cfg.DevNetworks = append(cfg.DevNetworks, ipnet)
		fmt.Printf("Development keys work from %s.\n", ipnet)
	}
	for _, n := range s.TrustedProxy {
		_, ipnet, err := net.ParseCIDR(n)
		if err != nil {
			return fmt.Errorf("--trusted-proxy: %w", err)
		}
		cfg.Proxies = append(cfg.Proxies, ipnet)
	}
	cfg.PlainBehindProxy = s.PlainHTTP
	if err := s.certificate(&cfg); err != nil {
		return err
	}
	if len(s.DevKey) > 0 {
		account := s.Account
		if account == "" {
			account = "000000000000"
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
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	l, err := s.listener()
	if err != nil {
		return err
	}
	if err := s.isolate(&f, log); err != nil {
		l.Close()
		return err
	}
	cfg.Functions = f
	c, err := cloud.New(ctx, cfg)
	if err != nil {
		l.Close()
		return err
	}
	if f.Launcher != nil && !s.Child { // a child that closed its connection before its end would be killed
		defer f.Launcher.Close()
	}
	s.greet(c, l.Addr())
	if s.Ephemeral {
		fmt.Println("Everything is in memory and gone with this process (--ephemeral).")
	} else {
		name := s.Data
		if s.DataName != "" {
			name = s.DataName
		}
		fmt.Printf("Data: %s; root key: %s\n", name, filepath.Join(name, "root-"+c.Account+".key"))
	}
	if s.Dev {
		fmt.Println("Development: the keys test/test work from loopback (--dev).")
	} else if s.Ephemeral {
		fmt.Printf("Root key of this process: AWS_ACCESS_KEY_ID=%s (its secret is not printed; use --dev or --data)\n", c.RootKey.ID)
	}
	fmt.Println("Functions run in " + c.Isolation())
	if _, port, err := net.SplitHostPort(l.Addr().String()); err == nil {
		fmt.Printf("Console: http://console.%s:%s\n", s.Domain, port)
	}
	if !s.Child {
		if err := s.ready(l.Addr()); err != nil {
			log.Warn("init scripts", "err", err)
		}
	}
	fmt.Println("Ready.")
	err = c.Serve(ctx, l)
	return errors.Join(err, c.Close())
}

// greet says where the server answers and how its certificate is checked.
func (s *serveCmd) greet(c *cloud.Cloud, a net.Addr) {
	scheme, at := "http", cloud.Reachable(a)
	t, ok := a.(*net.TCPAddr)
	beyond := ok && !t.IP.IsLoopback()
	if beyond && !s.PlainHTTP {
		scheme = "https"
	}
	fmt.Printf("Virga %s, account %s, region %s, endpoint %s://%s\n", cloud.Version, c.Account, c.Region, scheme, at)
	switch {
	case beyond && s.PlainHTTP:
		fmt.Printf("From other machines: https, and plain HTTP from %s (--plain-http-behind-proxy).\n", strings.Join(s.TrustedProxy, ", "))
	case beyond:
		fmt.Println("From other machines: https alone.")
	}
	if c.CA != nil {
		fmt.Printf("The same port takes https; certificates are of this server's own authority: http://%s/_virga/ca.pem\n", at)
	}
}

// certificate reads the operator's certificate, from descriptors where the launcher opened it.
func (s *serveCmd) certificate(cfg *cloud.Config) error {
	for i, to := range []*[]byte{&cfg.TLSCert, &cfg.TLSKey} {
		var err error
		switch {
		case s.TLSFD > 0:
			f := os.NewFile(uintptr(s.TLSFD+i), "certificate")
			*to, err = io.ReadAll(io.NewSectionReader(f, 0, 1<<20)) // from the start, however often the server starts
			f.Close()
		case s.TLSCert != "":
			*to, err = os.ReadFile([]string{s.TLSCert, s.TLSKey}[i])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *serveCmd) listener() (net.Listener, error) {
	if !s.Child {
		return net.Listen("tcp", s.Listen)
	}
	f := os.NewFile(uintptr(s.ListenFD), "listener")
	defer f.Close()
	return net.FileListener(f)
}

// isolate finds out how functions run: by the launcher that started this process, by one without privileges, or, in
// development, as processes. A weaker kind is always said.
func (s *serveCmd) isolate(f *cloud.Functions, log *slog.Logger) (err error) {
	if s.Isolation == "none" {
		f.Run = ""
		return nil
	}
	if s.Child {
		if f.Launcher, err = launcher.Connect(launcher.ConnFD, s.launcherConfig(*f)); err != nil {
			return err
		}
		write := []string{f.Run}
		if !s.Ephemeral {
			write = append(write, s.Data)
		}
		if s.MasterKeyFile != "" {
			write = append(write, filepath.Dir(s.MasterKeyFile))
		}
		read := []string{"/usr", "/lib", "/lib64", "/bin", "/etc", "/proc", "/dev/null", "/dev/urandom"}
		if exe, err := os.Executable(); err == nil {
			read = append(read, exe)
		}
		if s.Runtimes != "" {
			read = append(read, s.Runtimes)
		}
		f.Weaker, err = launcher.Harden(launcher.HardenConfig{Write: write, Read: existing(read)})
		return err
	}
	if s.Isolation == "process" {
		return nil
	}
	c, err := launcher.Spawn(s.launcherConfig(*f))
	if err == nil {
		f.Launcher = c
		return nil
	}
	if s.Isolation == "namespace" || s.IsolationMin == "namespace" {
		return fmt.Errorf("the sandbox kind namespace cannot be had here: %w", err)
	}
	if !s.Dev {
		log.Warn("functions will not run: the sandbox kind namespace cannot be had here, and process is for --dev only", "err", err)
		f.Run = ""
		return nil
	}
	log.Warn("functions run in the weaker sandbox kind process: namespaces cannot be had here", "err", err)
	return nil
}

func existing(paths []string) (out []string) {
	for _, p := range paths {
		if _, err := os.Stat(p); err == nil {
			out = append(out, p)
		}
	}
	return out
}
