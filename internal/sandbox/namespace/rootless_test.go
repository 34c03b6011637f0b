package namespace

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const rootlessUID = 54321

// Started without privileges everything works that needs none; what is weaker is said (Probe).
func TestRootless(t *testing.T) {
	l := newLayout(t)
	l.cfg.UIDBase = 0 // the default
	text, _ := json.Marshal(l.cfg)
	cmd := exec.Command(filepath.Join(l.rt, "probe"), serverArg, "spawn", string(text))
	cmd.Stderr = os.Stderr
	cmd.Env = []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: rootlessUID, Gid: rootlessUID}}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	var say told
	if err := json.Unmarshal([]byte(line), &say); err != nil {
		t.Fatalf("the server says %q", line)
	}
	if say.UID != rootlessUID || strings.TrimSpace(say.FDs) != "0 1 2 3" || say.Dev != "probe" {
		t.Errorf("%+v", say)
	}
	if n := len(processesOf(rootlessUID, 1)); n < 2+5 {
		t.Errorf("%d processes; the test could not fail", n)
	}
	_ = cmd.Process.Kill()
	_, _ = io.Copy(io.Discard, out)
	_ = cmd.Wait()
	goneWithin(t, deathLimit, say.Launcher)
}
