package auth

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"virga/internal/env"
	"virga/internal/store"
	"virga/internal/store/mem"
	"virga/internal/store/seal"
)

type keys map[uint32]seal.WrappedKey

func (k keys) LoadKeys() (map[uint32]seal.WrappedKey, error) { return k, nil }
func (k keys) SaveKey(id uint32, w seal.WrappedKey) error    { k[id] = w; return nil }

func plane(t *testing.T, dev bool) (*Auth, store.Store) {
	t.Helper()
	e := env.NewReal()
	t.Cleanup(e.Close)
	s, err := seal.New(make([]byte, seal.KeySize), keys{}, e.Secret)
	if err != nil {
		t.Fatal(err)
	}
	st := mem.New(e, nil)
	return New(Config{Env: e, Store: st, Sealer: s, Dev: dev, DevKeys: []DevKey{{"test", "test", "000000000000"}}}), st
}

func TestRootKeyIsMadeOnce(t *testing.T) {
	a, _ := plane(t, false)
	ctx := context.Background()
	k, made, err := a.MakeRoot(ctx, "111122223333")
	if err != nil || !made || len(k.ID) != 20 || len(k.Secret) != 40 {
		t.Fatalf("%+v %v %v", k, made, err)
	}
	again, made, err := a.MakeRoot(ctx, "111122223333")
	if err != nil || made || again.ID != k.ID {
		t.Fatalf("%+v %v %v", again, made, err)
	}
	c, err := a.Lookup(ctx, k.ID, "")
	if err != nil || c.Secret != k.Secret || c.Principal.Type != "Root" || c.Dev {
		t.Fatalf("%+v %v", c, err)
	}
}

func TestDevelopmentKeysOnlyInDevelopment(t *testing.T) {
	ctx := context.Background()
	dev, _ := plane(t, true)
	prod, _ := plane(t, false)
	for id, account := range map[string]string{"test": "000000000000", "123456789012": "123456789012"} {
		c, err := dev.Lookup(ctx, id, "")
		if err != nil || c.Principal.Account != account || c.Secret != "test" || !c.Dev {
			t.Fatalf("%s: %+v %v", id, c, err)
		}
		if _, err := prod.Lookup(ctx, id, ""); !errors.Is(err, ErrUnknownKey) {
			t.Fatalf("%s outside development: %v", id, err)
		}
	}
}

func TestKeysOfUsers(t *testing.T) {
	a, st := plane(t, false)
	ctx := context.Background()
	k := a.NewKey("111122223333", "AIDAX", "arn:aws:iam::111122223333:user/u")
	if _, err := a.Lookup(ctx, k.ID, ""); !errors.Is(err, ErrUnknownKey) {
		t.Fatal(err)
	}
	update := func(fn func(tx store.Tx)) {
		t.Helper()
		if err := st.Update(ctx, nil, func(tx store.Tx) error { fn(tx); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	update(func(tx store.Tx) { PutKey(tx, k) })
	if c, err := a.Lookup(ctx, k.ID, ""); err != nil || c.Principal.ID != "AIDAX" || c.Principal.Type != "User" {
		t.Fatal(c, err)
	}
	update(func(tx store.Tx) { k.Inactive = true; PutKey(tx, k) })
	if _, err := a.Lookup(ctx, k.ID, ""); !errors.Is(err, ErrInactiveKey) {
		t.Fatal(err)
	}
	update(func(tx store.Tx) { DeleteKey(tx, k.ID) })
	if _, err := a.Lookup(ctx, k.ID, ""); !errors.Is(err, ErrUnknownKey) {
		t.Fatal(err)
	}
}

func TestSessions(t *testing.T) {
	a, _ := plane(t, false)
	ctx := context.Background()
	s := Session{Account: "111122223333", PrincipalType: "AssumedRole", PrincipalID: "AROAX", Name: "s*", ARN: "arn:aws:sts::111122223333:assumed-role/r/s*",
		IssuedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour), Tags: []Tag{{"a", "b"}}}
	id, secret, token, err := a.Issue(s)
	if err != nil || !strings.HasPrefix(id, "ASIA") {
		t.Fatal(id, err)
	}
	c, err := a.Lookup(ctx, id, token)
	if err != nil || c.Secret != secret || c.Principal.ID != "AROAX:s*" || c.Session.Tags[0].Value != "b" {
		t.Fatalf("%+v %v", c, err)
	}
	other, _, otherToken, _ := a.Issue(s)
	for name, p := range map[string][2]string{"another key's token": {id, otherToken}, "bogus": {other, "AAAA"}, "not base64": {id, "*"}, "too long": {id, strings.Repeat("A", TokenBytesMax+4)}} {
		if _, err := a.Lookup(ctx, p[0], p[1]); !errors.Is(err, ErrBadToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := a.Lookup(ctx, id, ""); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("a session key without its token: %v", err)
	}
	s.ExpiresAt = time.Now().Add(-time.Second)
	id, _, token, _ = a.Issue(s)
	if _, err := a.Lookup(ctx, id, token); !errors.Is(err, ErrExpiredToken) {
		t.Errorf("expired: %v", err)
	}
}
