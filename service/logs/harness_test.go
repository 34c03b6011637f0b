package logs

import (
	"context"
	"crypto/rand"
	"path/filepath"
	"sync"
	"testing"
	"time"

	logsapi "virga/api/logs"
	"virga/internal/admit"
	"virga/internal/env"
	"virga/internal/gate"
	"virga/internal/record"
	"virga/internal/store"
	"virga/internal/store/mem"
	"virga/internal/store/pebble"
	"virga/internal/store/resolver"
	"virga/internal/store/seal"
	"virga/internal/wire"
)

const (
	account = "111122223333"
	region  = "eu-west-1"
)

// world is the service behind a gate of its own.
type world struct {
	*logsapi.Client
	s     *Service
	env   *env.Real
	store store.Store
	ctx   context.Context
	who   *allow
}

// allow is a policy plane that keeps what it was asked and refuses the actions named.
type allow struct {
	mu     sync.Mutex
	last   []wire.Requirement
	refuse map[string]bool
}

func (a *allow) Authorize(_ context.Context, _ *wire.Call, reqs []wire.Requirement) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = reqs
	for _, r := range reqs {
		if a.refuse[r.Action] {
			return wire.AccessDenied("no " + r.Action)
		}
	}
	return nil
}

type noKeys struct{}

func (noKeys) LoadKeys() (map[uint32]seal.WrappedKey, error) { return nil, nil }
func (noKeys) SaveKey(uint32, seal.WrappedKey) error         { return nil }

// newWorld makes one on the mem store, or on a synced and sealed pebble store in a folder.
func newWorld(t testing.TB, onDisk bool) *world {
	t.Helper()
	e := env.NewReal()
	master := make([]byte, seal.KeySize)
	rand.Read(master)
	sealer, err := seal.New(master, noKeys{}, e.Secret)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	clock := func() time.Duration { return time.Since(began) }
	var st store.Store = mem.New(e, clock)
	if onDisk {
		eng, err := pebble.OpenEngine(pebble.Options{Dir: filepath.Join(t.TempDir(), "store")})
		if err != nil {
			t.Fatal(err)
		}
		st = resolver.New(resolver.Config{Engine: eng, Sealer: sealer, Waker: e, Clock: clock})
	}
	who := &allow{refuse: map[string]bool{}}
	g := gate.New(gate.Config{Env: e, Authority: who, Admit: admit.New(), Record: record.New(record.Config{Env: e, Store: st, Node: "n-1"})})
	s := New(Config{Env: e, Store: st, Sealer: sealer})
	g.Add(s.Parts())
	p := wire.Principal{Type: "AssumedRole", ARN: "arn:aws:sts::" + account + ":assumed-role/fn/fn", ID: "AROAX:fn", Account: account}
	ctx := wire.WithCall(context.Background(), &wire.Call{Account: account, Region: region, Partition: "aws"})
	t.Cleanup(func() {
		e.Close()
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return &world{Client: &logsapi.Client{Invoker: g.With(p)}, s: s, env: e, store: st, ctx: ctx, who: who}
}

func (w *world) make(t testing.TB, group string, streams ...string) {
	t.Helper()
	if _, err := w.CreateLogGroup(w.ctx, &logsapi.CreateLogGroupInput{LogGroupName: group}); err != nil {
		t.Fatal(err)
	}
	for _, n := range streams {
		if _, err := w.CreateLogStream(w.ctx, &logsapi.CreateLogStreamInput{LogGroupName: group, LogStreamName: n}); err != nil {
			t.Fatal(err)
		}
	}
}

func (w *world) put(t testing.TB, group, stream string, events ...logsapi.InputLogEvent) *logsapi.PutLogEventsOutput {
	t.Helper()
	out, err := w.PutLogEvents(w.ctx, &logsapi.PutLogEventsInput{LogGroupName: group, LogStreamName: stream, LogEvents: events})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func at(ts int64, message string) logsapi.InputLogEvent {
	return logsapi.InputLogEvent{Timestamp: ts, Message: message}
}

func (w *world) now() int64 { return w.env.Wall().UnixMilli() }

// rows counts the rows of a kind.
func (w *world) rows(t testing.TB, kind string) (n int) {
	t.Helper()
	if err := w.store.View(w.ctx, func(r store.Reader) error {
		n = 0
		r.Range(store.Prefix(base(account, kind)), func(store.Key, []byte) bool { n++; return true })
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return n
}
