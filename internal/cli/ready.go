package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sort"
	"syscall"
	"time"
)

// ReadyFolder is the folder below the data folder whose executables run when a server is ready.
const ReadyFolder = "ready.d"

const (
	readyWait   = time.Minute      // for the server
	scriptTime  = 10 * time.Minute // of one script
	scriptsMax  = 100
	scriptGrace = 5 * time.Second
)

// ReadyCmd is started by a server beside itself: it waits until the server is ready and runs the executables of a folder.
// They run as whoever started the server, so they and their folder must be that user's and nobody else's to write: the
// server's own uid can put nothing there that would run.
type ReadyCmd struct {
	Globals
	Dir string `required:"" help:"Folder."`
	Dev bool   `help:"The development keys work."`
}

// Run waits and runs.
func (c *ReadyCmd) Run(a *App) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	wait, cancel := context.WithTimeout(ctx, readyWait)
	defer cancel()
	for {
		if _, err := a.health(wait); err == nil {
			break
		}
		if pause(wait, 20*time.Millisecond) != nil {
			return nil // no server: whoever started it has said why
		}
	}
	entries, err := os.ReadDir(c.Dir)
	if err != nil {
		return failed("%s: %v", ReadyFolder, err)
	}
	sort.Slice(entries, func(i, k int) bool { return entries[i].Name() < entries[k].Name() })
	bad := 0
	for i, e := range entries {
		if i >= scriptsMax {
			return failed("%s: more than %d files", ReadyFolder, scriptsMax)
		}
		began := time.Now()
		ran, err := c.run(ctx, a, filepath.Join(c.Dir, e.Name()))
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			bad++
			a.note("%s/%s failed after %s: %v", ReadyFolder, e.Name(), round(time.Since(began)), err)
		case ran:
			a.note("%s/%s done in %s", ReadyFolder, e.Name(), round(time.Since(began)))
		}
	}
	if bad > 0 {
		return failed("%d of %s failed; the server runs on", bad, ReadyFolder)
	}
	return nil
}

func (c *ReadyCmd) run(ctx context.Context, a *App, path string) (ran bool, err error) {
	f, err := os.Open(path) // what is checked is what runs
	if err != nil {
		return false, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return false, err
	}
	if !st.Mode().IsRegular() || st.Mode()&0o111 == 0 {
		return false, nil
	}
	if err := mine(st); err != nil {
		return false, err
	}
	dir, err := os.Stat(c.Dir)
	if err != nil {
		return false, err
	}
	if err := mine(dir); err != nil {
		return false, fmt.Errorf("the folder: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, scriptTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/proc/self/fd/3")
	cmd.Args = []string{path}
	cmd.ExtraFiles = []*os.File{f}
	cmd.Stdout, cmd.Stderr = a.Err, a.Err
	cmd.Env = append(os.Environ(), "VIRGA_ENDPOINT="+a.endpoint(), "AWS_ENDPOINT_URL="+a.endpoint(), "AWS_DEFAULT_REGION="+a.region(), "AWS_REGION="+a.region(), "AWS_PAGER=")
	if c.Dev {
		cmd.Env = append(cmd.Env, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test")
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = scriptGrace
	return true, cmd.Run()
}

// mine tells whether a file is this user's and nobody else's to write.
func mine(st os.FileInfo) error {
	s, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return errors.New("no owner")
	}
	if int(s.Uid) != os.Geteuid() {
		return fmt.Errorf("it belongs to uid %d, and the server was started by uid %d: chown it", s.Uid, os.Geteuid())
	}
	if st.Mode()&0o022 != 0 {
		return errors.New("others may write it: chmod go-w")
	}
	return nil
}
