// Package auth knows credentials: long-term access keys, temporary sessions, and the root key of the first start.
//
// Who signed a request is worked out by auth/sigv4, which is pure; this package says what secret belongs to a key id
// and which principal stands behind it. A session's token is sealed and carries everything: version, account, the
// role's unique id, name, policies, tags, source, issue and expiry, bound to its key id; nothing is stored for it.
//
// Keys: FamilyAuth ‖ 0 ‖ system ‖ "key" ‖ key id → Key;  FamilyAuth ‖ 0 ‖ system ‖ "root" ‖ account → key id.
//
// It decides nothing: what a principal may do is the policy plane's.
package auth

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"virga/internal/env"
	"virga/internal/store"
	"virga/internal/store/rec"
	"virga/internal/wire"
)

// Limits with names.
const (
	TokenBytesMax    = 8 << 10
	SessionPolicyMax = 10
	sessionVersion   = 1
)

// Errors of Lookup; the caller spells them for its protocol.
var (
	ErrUnknownKey   = errors.New("auth: the access key id does not exist")
	ErrInactiveKey  = errors.New("auth: the access key is inactive")
	ErrBadToken     = errors.New("auth: the security token is invalid")
	ErrExpiredToken = errors.New("auth: the security token is expired")
)

// Key is a long-term access key.
type Key struct {
	ID        string    `rec:"1"`
	Secret    string    `rec:"2"`
	Account   string    `rec:"3"`
	UserID    string    `rec:"4"` // unique id, "" for root
	UserARN   string    `rec:"5"` // as at creation; the directory has the present one
	Inactive  bool      `rec:"6"`
	CreatedAt time.Time `rec:"7"`
	Unknown   store.Unknown
}

// Session is what a temporary credential says.
type Session struct {
	Version        int       `rec:"1"`
	KeyID          string    `rec:"2"`
	Secret         string    `rec:"3"`
	Account        string    `rec:"4"`
	PrincipalType  string    `rec:"5"` // AssumedRole, FederatedUser, User or Root (GetSessionToken)
	PrincipalID    string    `rec:"6"` // unique id of the role or user, the account for root
	Name           string    `rec:"7"` // session name
	ARN            string    `rec:"8"` // of the session
	IssuerARN      string    `rec:"9"` // of the role or user
	Policies       []string  `rec:"10"`
	PolicyARNs     []string  `rec:"11"`
	Tags           []Tag     `rec:"12"`
	SourceIdentity string    `rec:"13"`
	IssuedAt       time.Time `rec:"14"`
	ExpiresAt      time.Time `rec:"15"`
	TransitiveTags []string  `rec:"16"`
	Unknown        store.Unknown
}

// Tag is a session tag.
type Tag struct {
	Key   string `rec:"1"`
	Value string `rec:"2"`
}

// Credential is a key id resolved.
type Credential struct {
	Secret    string
	Principal wire.Principal
	Session   *Session // nil for long-term keys
	Dev       bool     // a development key
}

// Sealer seals session tokens; seal.Sealer is one.
type Sealer interface {
	SealToken(account, context string, plain []byte) ([]byte, error)
	OpenToken(account, context string, sealed []byte) ([]byte, error)
}

// DevKey is a well-known key of development.
type DevKey struct{ ID, Secret, Account string }

// Config joins the plane.
type Config struct {
	Env    env.Env
	Store  store.Store
	Sealer Sealer
	// Dev admits the development keys: DevKeys, and any key id of 12 digits with secret "test", whose account it is.
	Dev     bool
	DevKeys []DevKey
}

// Auth is the plane.
type Auth struct {
	cfg Config

	mu    sync.Mutex // never held across a wait
	epoch uint64     // of keysScope, under which keys were read
	keys  map[string]Key
}

// keysMax is how many access keys are kept in memory.
const keysMax = 10_000

// keysScope is bumped with every change of an access key, so that none is used from memory after it.
const keysScope = "auth/keys"

// New makes the plane.
func New(cfg Config) *Auth { return &Auth{cfg: cfg, keys: map[string]Key{}} }

// key reads an access key, from memory while no key changed; nil where there is none.
func (a *Auth) key(ctx context.Context, id string) (*Key, error) {
	epoch, err := a.cfg.Store.Epoch(ctx, keysScope)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	k, ok := a.keys[id]
	ok = ok && a.epoch == epoch
	a.mu.Unlock()
	if ok {
		return &k, nil
	}
	var read *Key
	if err := a.cfg.Store.View(ctx, func(r store.Reader) error {
		read, _ = GetKey(r, id)
		return nil
	}); err != nil || read == nil {
		return nil, err // what does not exist is not kept: ids can be guessed without end
	}
	a.mu.Lock()
	if a.epoch < epoch || len(a.keys) >= keysMax {
		clear(a.keys)
		a.epoch = max(a.epoch, epoch)
	}
	if a.epoch == epoch {
		a.keys[id] = *read
	}
	a.mu.Unlock()
	return read, nil
}

func keyKey(id string) store.Key {
	return store.K(store.FamilyAuth, 0, store.SystemAccount).Str("key").Str(id)
}

func rootKey(account string) store.Key {
	return store.K(store.FamilyAuth, 0, store.SystemAccount).Str("root").Str(account)
}

// Root is the principal of an account's root.
func Root(account, keyID string) wire.Principal {
	return wire.Principal{Type: "Root", ARN: "arn:aws:iam::" + account + ":root", ID: account, Account: account, AccessKey: keyID}
}

// MakeRoot gives the account's root key and makes it at the first call; made tells which.
func (a *Auth) MakeRoot(ctx context.Context, account string) (k *Key, made bool, err error) {
	fresh := a.NewKey(account, "", "arn:aws:iam::"+account+":root")
	err = a.cfg.Store.Update(ctx, nil, func(tx store.Tx) error {
		k, made = nil, false
		if id, ok := tx.Get(rootKey(account)); ok {
			if old, ok := store.Load[Key](tx, keyKey(string(id))); ok {
				k = old
				return nil
			}
		}
		k, made = fresh, true
		tx.Set(rootKey(account), []byte(fresh.ID))
		PutKey(tx, fresh)
		return nil
	})
	return k, made, err
}

// NewKey draws a key; PutKey makes it exist.
func (a *Auth) NewKey(account, userID, userARN string) *Key {
	return &Key{ID: "AKIA" + env.NewName(a.cfg.Env, env.Upper32, 16), Secret: NewSecret(a.cfg.Env), Account: account, UserID: userID, UserARN: userARN, CreatedAt: a.cfg.Env.Wall()}
}

// NewSecret draws 40 characters as secret access keys have.
func NewSecret(e env.Env) string {
	var b [30]byte
	e.Secret(b[:])
	return base64.StdEncoding.EncodeToString(b[:])
}

// PutKey writes a key.
func PutKey(tx store.Tx, k *Key) {
	store.Put(tx, keyKey(k.ID), k)
	tx.Bump(keysScope)
}

// GetKey reads a key.
func GetKey(r store.Reader, id string) (*Key, bool) { return store.Load[Key](r, keyKey(id)) }

// DeleteKey removes a key; whoever uses it is unknown from the commit on.
func DeleteKey(tx store.Tx, id string) {
	tx.Delete(keyKey(id))
	tx.Bump(keysScope)
}

// Forget removes the access keys of an account's users, of all accounts where account is "". Root keys stay.
func Forget(tx store.Tx, account string) {
	tx.Bump(keysScope)
	store.Each(tx, store.Prefix(store.K(store.FamilyAuth, 0, store.SystemAccount).Str("key")), func(k store.Key, v *Key) bool {
		if v.UserID != "" && (account == "" || v.Account == account) {
			tx.Delete(k)
		}
		return true
	})
}

// Lookup resolves a key id, with the token that came beside it ("" for none).
func (a *Auth) Lookup(ctx context.Context, keyID, token string) (*Credential, error) {
	if token != "" {
		s, err := a.Open(keyID, token)
		if err != nil {
			return nil, err
		}
		return &Credential{Secret: s.Secret, Principal: s.Principal(), Session: s}, nil
	}
	if a.cfg.Dev {
		for _, d := range a.cfg.DevKeys {
			if d.ID == keyID {
				return &Credential{Secret: d.Secret, Principal: Root(d.Account, keyID), Dev: true}, nil
			}
		}
		if isAccount(keyID) {
			return &Credential{Secret: "test", Principal: Root(keyID, keyID), Dev: true}, nil
		}
	}
	if !strings.HasPrefix(keyID, "AKIA") || len(keyID) > 128 {
		return nil, ErrUnknownKey
	}
	k, err := a.key(ctx, keyID)
	if err != nil {
		return nil, err
	}
	switch {
	case k == nil:
		return nil, ErrUnknownKey
	case k.Inactive:
		return nil, ErrInactiveKey
	case k.UserID == "":
		return &Credential{Secret: k.Secret, Principal: Root(k.Account, k.ID)}, nil
	}
	return &Credential{Secret: k.Secret, Principal: wire.Principal{Type: "User", ARN: k.UserARN, ID: k.UserID, Account: k.Account, AccessKey: k.ID}}, nil
}

func isAccount(s string) bool {
	if len(s) != 12 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// Principal is who acts in a session.
func (s *Session) Principal() wire.Principal {
	p := wire.Principal{Type: s.PrincipalType, ARN: s.ARN, ID: s.PrincipalID, Account: s.Account, AccessKey: s.KeyID}
	p.Session = &wire.Session{Issuer: s.IssuerARN, Policies: s.Policies, PolicyARNs: s.PolicyARNs, Tags: map[string]string{}, TransitiveTags: s.TransitiveTags,
		SourceIdentity: s.SourceIdentity, IssuedAt: s.IssuedAt, ExpiresAt: s.ExpiresAt}
	for _, t := range s.Tags {
		p.Session.Tags[t.Key] = t.Value
	}
	if s.PrincipalType == "AssumedRole" {
		p.ID = s.PrincipalID + ":" + s.Name
	}
	return p
}

// Issue makes a session's credentials: it draws key id and secret and seals the token.
func (a *Auth) Issue(s Session) (keyID, secret, token string, err error) {
	s.Version = sessionVersion
	s.KeyID = "ASIA" + env.NewName(a.cfg.Env, env.Upper32, 16)
	s.Secret = NewSecret(a.cfg.Env)
	b, err := a.cfg.Sealer.SealToken(store.SystemAccount, "session/"+s.KeyID, rec.Marshal(&s))
	if err != nil {
		return "", "", "", fmt.Errorf("session: %w", err)
	}
	token = base64.StdEncoding.EncodeToString(b)
	if len(token) > TokenBytesMax {
		return "", "", "", fmt.Errorf("session: token of %d bytes, limit %d", len(token), TokenBytesMax)
	}
	return s.KeyID, s.Secret, token, nil
}

// Open opens a session token that came with a key id; expiry is by the machine's clock.
func (a *Auth) Open(keyID, token string) (*Session, error) {
	if len(token) > TokenBytesMax {
		return nil, ErrBadToken
	}
	b, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return nil, ErrBadToken
	}
	plain, err := a.cfg.Sealer.OpenToken(store.SystemAccount, "session/"+keyID, b)
	if err != nil {
		return nil, ErrBadToken
	}
	s := &Session{}
	if err := rec.Unmarshal(plain, s); err != nil || s.Version != sessionVersion || subtle.ConstantTimeCompare([]byte(s.KeyID), []byte(keyID)) != 1 {
		return nil, ErrBadToken
	}
	if !a.cfg.Env.Wall().Before(s.ExpiresAt) {
		return nil, ErrExpiredToken
	}
	return s, nil
}
