package postgres_test

import (
	"context"
	crand "crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"virga/internal/store"
	"virga/internal/store/mem"
	"virga/internal/store/postgres"
	"virga/internal/store/seal"
	"virga/internal/store/storetest"
)

// server starts a PostgreSQL of its own on a Unix socket; where no server is installed the suite is named as not run,
// and fails in CI.
func server(t *testing.T, settings ...string) string {
	t.Helper()
	bin := ""
	if l, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb"); err == nil && len(l) > 0 {
		bin = filepath.Dir(l[len(l)-1])
	} else if p, err := exec.LookPath("initdb"); err == nil {
		bin = filepath.Dir(p)
	}
	if bin == "" {
		msg := "not run: the store's suite on PostgreSQL: initdb is not installed (Debian: postgresql)"
		if os.Getenv("CI") == "true" {
			t.Fatal(msg)
		}
		t.Skip(msg)
	}
	dir, err := os.MkdirTemp("/tmp", "virga-pg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	attr := &syscall.SysProcAttr{}
	if os.Geteuid() == 0 { // the server refuses to run as root
		u, err := user.Lookup("postgres")
		if err != nil {
			u, err = user.Lookup("nobody")
		}
		if err != nil {
			t.Fatal(err)
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	run := func(name string, args ...string) {
		t.Helper()
		c := exec.Command(filepath.Join(bin, name), args...)
		c.SysProcAttr, c.Dir = attr, dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	data := filepath.Join(dir, "data")
	run("initdb", "-D", data, "-U", "virga", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
	opts := fmt.Sprintf("-c listen_addresses='' -c unix_socket_directories=%s -c max_connections=60", dir)
	for _, s := range settings {
		opts += " -c " + s
	}
	run("pg_ctl", "-D", data, "-o", opts, "-l", filepath.Join(dir, "log"), "-w", "start")
	t.Cleanup(func() { run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop") })
	return "host=" + dir + " user=virga dbname=postgres pool_max_conns=30"
}

type keys map[uint32]seal.WrappedKey

func (k keys) LoadKeys() (map[uint32]seal.WrappedKey, error) { return k, nil }
func (k keys) SaveKey(id uint32, w seal.WrappedKey) error    { k[id] = w; return nil }

func open(t *testing.T, url string, o postgres.Options) store.Store {
	t.Helper()
	ctx := context.Background()
	c, err := pgx.Connect(ctx, strings.ReplaceAll(url, " pool_max_conns=30", ""))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Exec(ctx, "DROP TABLE IF EXISTS virga_kv"); err != nil {
		t.Fatal(err)
	}
	c.Close(ctx)
	o.URL = url
	s, err := postgres.Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func sealer(t *testing.T) *seal.Sealer {
	s, err := seal.New(make([]byte, 32), keys{}, func(b []byte) { crand.Read(b) })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSuite(t *testing.T) {
	url := server(t)
	storetest.Run(t, func(t *testing.T, w *storetest.Wakes) store.Store {
		return open(t, url, postgres.Options{Waker: w, Sealer: sealer(t)})
	})
	for seed := range uint64(3) {
		want := storetest.History(t, mem.New(nil, nil), seed, 300)
		if got := storetest.History(t, open(t, url, postgres.Options{}), seed, 300); got != want {
			t.Errorf("seed %d: postgres answers otherwise than mem", seed)
		}
	}
}

func TestRefusesWhatIsNotDurable(t *testing.T) {
	url := server(t, "fsync=off")
	_, err := postgres.Open(context.Background(), postgres.Options{URL: url})
	if err == nil || !strings.Contains(err.Error(), "fsync is off") {
		t.Fatalf("a database without fsync was accepted: %v", err)
	}
}
