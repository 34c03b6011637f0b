// Package cloud joins everything: it is the only package that knows every service. It makes the planes, makes the
// services with what they need, and adds them to the gate, one line each.
//
// It has no behaviour of its own: what a call meets is in the packages it joins.
package cloud

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	nethttp "net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"virga/api/models"
	"virga/internal/admit"
	"virga/internal/auth"
	"virga/internal/authority"
	"virga/internal/blob"
	"virga/internal/compute"
	"virga/internal/env"
	"virga/internal/execute"
	"virga/internal/front"
	"virga/internal/gate"
	"virga/internal/job"
	"virga/internal/macro"
	"virga/internal/peer"
	"virga/internal/record"
	"virga/internal/sandbox"
	"virga/internal/store"
	"virga/internal/store/mem"
	"virga/internal/store/pebble"
	"virga/internal/store/resolver"
	"virga/internal/store/seal"
	"virga/internal/template"
	"virga/service/apigateway"
	"virga/service/apigatewayv2"
	"virga/service/cloudformation"
	"virga/service/iam"
	"virga/service/lambda"
	"virga/service/logs"
	"virga/service/s3"
	"virga/service/sqs"
	"virga/service/ssm"
	"virga/service/sts"
)

// Version is this program's version.
const Version = "0.1.0-dev"

// Config says what cloud to make. Zero values work for a laptop.
type Config struct {
	Data          string // folder; "" with Ephemeral
	Ephemeral     bool   // everything in memory, gone with the process
	Dev           bool
	StepsTwice    bool   // every step of a stack's resources is done twice: cloudformation.Config.Twice
	Account       string // 12 digits; "": 000000000000 with Dev, a stored random one otherwise
	Region        string
	Domain        string
	DevKeys       []auth.DevKey
	DevNetworks   []*net.IPNet
	Origins       []string
	MasterKeyFile string
	// TLSCert and TLSKey are the operator's certificate (PEM); empty: one of the server's own authority.
	TLSCert, TLSKey []byte
	// PlainBehindProxy takes plain HTTP from Proxies on a listener beyond loopback.
	PlainBehindProxy bool
	// Proxies are networks of proxies whose forwarding headers count.
	Proxies   []*net.IPNet
	Log       *slog.Logger
	Functions Functions
}

// Cloud is a whole cloud.
type Cloud struct {
	Env     *env.Real
	Store   store.Store
	Blobs   *blob.Blobs
	Auth    *auth.Auth
	Record  *record.Recorder
	Gate    *gate.Gate
	Front   *front.Front
	Account string
	Region  string
	// RootKey is the account's root key; with Dev the well-known ones work beside it.
	RootKey *auth.Key
	// CA is the certificate of the server's own authority (PEM), nil where the operator gave a certificate.
	CA []byte

	tls       *tls.Config
	cfg       Config
	compute   *compute.Plane
	policies  *authority.Plane
	jobs      *job.Runner
	forgets   []func(tx store.Tx, account string)
	resetting sync.Mutex // held through a reset: one at a time
	kind      sandbox.Kind
	log       *slog.Logger
	unlock    func()
}

// New makes a cloud and starts its background work. Close ends it.
func New(ctx context.Context, cfg Config) (c *Cloud, err error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1"
	}
	if cfg.Domain == "" {
		cfg.Domain = "localhost"
	}
	if cfg.Account != "" && (len(cfg.Account) != 12 || strings.Trim(cfg.Account, "0123456789") != "") {
		return nil, fmt.Errorf("the account %q has not 12 digits", cfg.Account)
	}
	e := env.NewReal()
	c = &Cloud{Env: e, Region: cfg.Region, cfg: cfg, log: cfg.Log}
	made := c // an early return has set c to nil by then
	defer func() {
		if err != nil {
			made.Close()
			c = nil
		}
	}()
	sealer, err := c.openStore(e)
	if err != nil {
		return nil, err
	}
	if c.Account, err = c.account(ctx); err != nil {
		return nil, err
	}
	if err := c.openTLS(); err != nil {
		return nil, err
	}
	if cfg.Dev && cfg.DevKeys == nil {
		cfg.DevKeys = []auth.DevKey{{ID: "test", Secret: "test", Account: c.Account}}
	}
	node := "n-" + env.NewName(e, env.AlnumLow, 12)
	leases := peer.NewLeases(peer.Config{Env: e, Store: c.Store, Node: node, Exclusive: true})
	c.Auth = auth.New(auth.Config{Env: e, Store: c.Store, Sealer: sealer, Dev: cfg.Dev, DevKeys: cfg.DevKeys})
	if err := c.rootKey(ctx); err != nil {
		return nil, err
	}
	c.Record = record.New(record.Config{Env: e, Store: c.Store, Node: node, Log: cfg.Log, DataEvents: cfg.Dev})
	identities := iam.New(iam.Config{Env: e, Store: c.Store, Sealer: sealer, Auth: c.Auth, Domain: cfg.Domain})
	policies := authority.New(authority.Config{Env: e, Store: c.Store, Directory: identities, Domain: cfg.Domain})
	c.Gate = gate.New(gate.Config{Env: e, Authority: policies, Admit: admit.New(), Record: c.Record, Log: cfg.Log, Dev: cfg.Dev})
	c.policies = policies

	lambdaSessions := &sessions{env: e, gate: c.Gate, auth: c.Auth, store: c.Store, service: lambda.Principal, domain: cfg.Domain}
	if c.compute, err = c.functions(functionRoles{lambdaSessions}); err != nil {
		return nil, err
	}
	functions := lambda.New(lambda.Config{Env: e, Store: c.Store, Blobs: c.Blobs, Sealer: sealer, Compute: c.compute, Forward: c.Gate.Forward(lambda.Principal), As: c.Gate.As(lambda.Principal),
		Role: lambdaSessions.invoker, Allows: allows(policies, identities), Arch: arch(), Dev: cfg.Dev})
	stackSessions := &sessions{env: e, gate: c.Gate, auth: c.Auth, store: c.Store, service: cloudformation.Principal, domain: cfg.Domain}
	responses := ""
	if cfg.Functions.Launcher != nil { // inside a sandbox only AWS's own names lead out
		responses = "https://cloudformation-custom-resource-response-{region}.s3.amazonaws.com"
	}
	stacks := cloudformation.New(cloudformation.Config{Env: e, Store: c.Store, Sealer: sealer, Forward: c.Gate.Forward(cloudformation.Principal), Role: stackSessions.invoker,
		Transform: func(_ context.Context, m template.MacroCall, te template.Env) (template.Value, error) {
			return macro.SAM(m, te, func() string { return strconv.FormatInt(e.Wall().Unix(), 10) })
		}, ResponseBase: responses, Twice: cfg.StepsTwice})
	apiSessions := &sessions{env: e, gate: c.Gate, auth: c.Auth, store: c.Store, service: "apigateway.amazonaws.com", domain: cfg.Domain}
	http := apigatewayv2.New(apigatewayv2.Config{Env: e, Store: c.Store, Sealer: sealer, Lambda: c.Gate.As("apigateway.amazonaws.com"), Callers: apiCallers{c}, Roles: apiRoles{apiSessions}, Log: cfg.Log})
	rest := apigateway.New(apigateway.Config{Env: e, Store: c.Store, Sealer: sealer, Lambda: c.Gate.As("apigateway.amazonaws.com"), Callers: apiCallers{c}, Roles: apiRoles{apiSessions}, Log: cfg.Log})
	queues := sqs.New(sqs.Config{Env: e, Store: c.Store, Leases: leases, Sealer: sealer})
	buckets := s3.New(s3.Config{Env: e, Store: c.Store, Blobs: c.Blobs, Sealer: sealer, Authority: policies})
	parts := []gate.Parts{
		identities.Parts(),
		sts.New(sts.Config{Env: e, Auth: c.Auth, Roles: roles{identities}}).Parts(),
		ssm.New(ssm.Config{Env: e, Store: c.Store, Sealer: sealer}).Parts(),
		queues.Parts(),
		buckets.Parts(),
		logs.New(logs.Config{Env: e, Store: c.Store, Sealer: sealer}).Parts(),
		functions.Parts(),
		stacks.Parts(),
		http.Parts(),
		rest.Parts(),
	}
	apis := execute.New(execute.Config{Env: e, Store: c.Store, Gate: c.Gate, Domain: cfg.Domain, Region: cfg.Region, Log: cfg.Log, Finders: []execute.Finder{http, rest}})
	kinds := map[string]job.Kind{}
	for _, p := range parts {
		c.Gate.Add(p)
		if p.Forget != nil {
			c.forgets = append(c.forgets, p.Forget)
		}
		for n, k := range p.Jobs {
			kinds[n] = k
		}
	}
	stacks.Add(c.Gate.Types())
	for _, m := range models.All() {
		c.Gate.AddModel(m)
	}
	web := c.console(cfg, parts)
	for i := range 8 {
		for _, s := range []string{"sqs", "job"} {
			if name := fmt.Sprintf("%s/%d", s, i); !leases.Take(ctx, name) {
				return nil, fmt.Errorf("the lease of %s could not be taken", name)
			}
		}
	}
	queues.Start()
	c.jobs = job.NewRunner(job.Config{Env: e, Store: c.Store, Leases: leases, Kinds: kinds, Log: cfg.Log})
	c.jobs.Start()
	e.Go("record", c.Record.Run)
	e.Go("blob sweep", c.Blobs.Run)
	e.Go("compute", c.compute.Run)
	c.Front = front.New(front.Config{Env: e, Gate: c.Gate, Auth: c.Auth, Record: c.Record, Log: cfg.Log, Domain: cfg.Domain, Region: cfg.Region,
		Origins: cfg.Origins, DevNetworks: cfg.DevNetworks, Proxies: cfg.Proxies, Authority: c.CA, Health: c.health, Console: web, Signed: c.control, BucketCORS: buckets.CORS,
		App: func(w nethttp.ResponseWriter, r *nethttp.Request) bool {
			return functions.ServeCode(w, r) || stacks.ServeLinks(w, r) || apis.Serve(w, r)
		}})
	return c, nil
}

func (c *Cloud) health() any {
	services := map[string]string{}
	for _, m := range c.Gate.Models() {
		n := 0
		for i := range m.Ops {
			if c.Gate.Handler(&m.Ops[i]) != nil {
				n++
			}
		}
		if n > 0 {
			services[m.Package] = "running"
		}
	}
	return map[string]any{"status": "ok", "version": Version, "edition": "virga", "ephemeral": c.cfg.Ephemeral, "services": services}
}

// Serve takes connections of a listener until the context ends.
func (c *Cloud) Serve(ctx context.Context, l net.Listener) error {
	s := front.API | front.Apps | front.Console
	if c.cfg.Dev {
		s |= front.Dev
	}
	if c.compute != nil {
		c.compute.SetEndpoint("http://" + Reachable(l.Addr()))
	}
	out := front.Listener{Listener: l, Surfaces: s, TLS: c.tls}
	if !loopback(l.Addr()) {
		out.TLSOnly = true
		if c.cfg.PlainBehindProxy {
			out.PlainFrom = c.cfg.Proxies
		}
	}
	return c.Front.Serve(ctx, out)
}

// Close ends the background work, waits for it and closes the store.
func (c *Cloud) Close() error {
	if c.Env != nil {
		c.Env.Close()
	}
	var err error
	if c.kind != nil {
		err = c.kind.Close()
	}
	if c.Store != nil {
		err = errors.Join(err, c.Store.Close())
	}
	if c.unlock != nil {
		c.unlock()
	}
	return err
}

func (c *Cloud) clock() func() time.Duration {
	began := time.Now()
	return func() time.Duration { return time.Since(began) }
}

func (c *Cloud) openStore(e *env.Real) (*seal.Sealer, error) {
	if c.cfg.Ephemeral {
		master := make([]byte, seal.KeySize)
		rand.Read(master)
		s, err := seal.New(master, memKeys{}, e.Secret)
		if err != nil {
			return nil, err
		}
		c.Store = mem.New(e, c.clock())
		c.Blobs, err = blob.New(blob.Config{Env: e, Store: c.Store, FS: vfs.NewMem(), Dir: "/blobs"})
		return s, err
	}
	dir := c.cfg.Data
	if dir == "" {
		return nil, errors.New("no data folder: give --data DIR or --ephemeral")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	master, err := c.masterKey(dir)
	if err != nil {
		return nil, err
	}
	eng, err := pebble.OpenEngine(pebble.Options{Dir: filepath.Join(dir, "store"), Log: c.log})
	if err != nil {
		return nil, err
	}
	s, err := seal.New(master, engineKeys{eng}, e.Secret)
	if err != nil {
		return nil, errors.Join(err, eng.Close())
	}
	c.Store = resolver.New(resolver.Config{Engine: eng, Sealer: s, Waker: e, Clock: c.clock()})
	c.Blobs, err = blob.New(blob.Config{Env: e, Store: c.Store, Dir: filepath.Join(dir, "blobs"), Sealer: s})
	return s, err
}

// masterKey reads the master key; only an empty data folder gets a new one, and only with Dev or a file named for it.
func (c *Cloud) masterKey(dir string) ([]byte, error) {
	name := c.cfg.MasterKeyFile
	if name == "" {
		if !c.cfg.Dev {
			return nil, errors.New("no master key: give --master-key-file FILE outside the data folder (64 hex digits; made when the folder is new), or --dev to keep it inside")
		}
		name = filepath.Join(dir, "master.key")
	}
	b, err := os.ReadFile(name)
	if err == nil {
		k, err := hex.DecodeString(strings.TrimSpace(string(b)))
		if err != nil || len(k) != seal.KeySize {
			return nil, fmt.Errorf("master key %s: it must hold 64 hex digits", name)
		}
		return k, nil
	}
	if !os.IsNotExist(err) {
		return nil, fmt.Errorf("master key: %w", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "store")); err == nil {
		return nil, fmt.Errorf("master key %s is missing, and the data folder %s was sealed with one: bring it back, a new one would not open it", name, dir)
	}
	k := make([]byte, seal.KeySize)
	rand.Read(k)
	return k, writeSecret(name, hex.EncodeToString(k)+"\n")
}

// writeSecret makes a file that only its owner reads; one that is there already is an error.
func writeSecret(name, text string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if d, e := os.Open(filepath.Dir(name)); e == nil {
		d.Sync()
		d.Close()
	}
	return err
}

func metaKey(name string) store.Key {
	return store.K(store.FamilyMeta, 0, store.SystemAccount).Str(name)
}

// account gives the cloud's account: as configured, as stored, or a new one.
func (c *Cloud) account(ctx context.Context) (string, error) {
	want := c.cfg.Account
	if want == "" && c.cfg.Dev {
		want = "000000000000"
	}
	fresh := env.NewName(c.Env, "123456789", 1) + env.NewName(c.Env, "0123456789", 11)
	var out string
	err := c.Store.Update(ctx, nil, func(tx store.Tx) error {
		out = want
		if out != "" {
			return nil
		}
		if v, ok := tx.Get(metaKey("account")); ok {
			out = string(v)
			return nil
		}
		out = fresh
		tx.Set(metaKey("account"), []byte(out))
		return nil
	})
	return out, err
}

// rootKey makes the root key at the first start and leaves it in a file that only the owner reads.
func (c *Cloud) rootKey(ctx context.Context) error {
	k, made, err := c.Auth.MakeRoot(ctx, c.Account)
	if err != nil {
		return err
	}
	c.RootKey = k
	if c.cfg.Ephemeral {
		return nil
	}
	name := filepath.Join(c.cfg.Data, "root-"+c.Account+".key")
	if _, err := os.Stat(name); err == nil && !made {
		return nil
	}
	os.Remove(name)
	return writeSecret(name, "aws_access_key_id = "+k.ID+"\naws_secret_access_key = "+k.Secret+"\n")
}

type memKeys map[uint32]seal.WrappedKey

// LoadKeys implements seal.KeyStore.
func (m memKeys) LoadKeys() (map[uint32]seal.WrappedKey, error) { return nil, nil }

// SaveKey implements seal.KeyStore.
func (m memKeys) SaveKey(id uint32, k seal.WrappedKey) error { m[id] = k; return nil }

// engineKeys keeps the wrapped data keys in the engine, below the sealing.
type engineKeys struct{ e resolver.Engine }

func keysKey() store.Key { return store.K(store.FamilyKeys, 0, store.SystemAccount) }

// LoadKeys implements seal.KeyStore.
func (k engineKeys) LoadKeys() (map[uint32]seal.WrappedKey, error) {
	sp := store.Prefix(keysKey())
	it, err := k.e.Iter(sp.From, sp.To, false)
	if err != nil {
		return nil, err
	}
	out := map[uint32]seal.WrappedKey{}
	for it.Next() {
		key, v := store.Key(it.Key()), it.Value()
		if len(v) < 12 {
			it.Close()
			return nil, fmt.Errorf("%w: data key %s", store.ErrCorrupt, key)
		}
		out[uint32(key.UintPart(0))] = seal.WrappedKey{Account: string(v[:12]), Wrapped: append([]byte{}, v[12:]...)}
	}
	return out, it.Close()
}

// SaveKey implements seal.KeyStore.
func (k engineKeys) SaveKey(id uint32, w seal.WrappedKey) error {
	c, err := k.e.Apply([]resolver.Op{{Key: keysKey().Uint(uint64(id)), Value: append([]byte(w.Account), w.Wrapped...)}}, nil, false)
	if err != nil {
		return err
	}
	return c.Wait()
}
