// Package seal seals the store's values with data keys of their accounts, and those with the master key.
//
// A sealed value is: format (1 byte, 1) ‖ data key id (4 bytes) ‖ nonce (24) ‖ XAES-256-GCM ciphertext with tag; the
// additional data is format ‖ key id ‖ the whole store key, so a value moved to another key does not open. Plain values
// from compressFrom bytes on are deflated first where that gains (a flag byte leads the plain text).
//
// It decides nothing about who may read; a wrong or missing master key fails the start and never makes a new one.
package seal

import (
	"bytes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/flate"

	"virga/internal/store"
)

const (
	format        = 1
	headSize      = 1 + 4 + NonceSize
	compressFrom  = 512
	plainMax      = 64 << 20 // of a value unpacked
	prefixUsesMax = 1 << 24  // seals under one derived key before a new prefix is drawn
	openCacheMax  = 4096
)

// KeyStore keeps the wrapped data keys; the engine below the store is one.
type KeyStore interface {
	LoadKeys() (map[uint32]WrappedKey, error)
	SaveKey(id uint32, k WrappedKey) error
}

// WrappedKey is a data key sealed with the master key.
type WrappedKey struct {
	Account string
	Wrapped []byte
}

// Sealer implements resolver.Sealer.
type Sealer struct {
	master *xaes
	keys   KeyStore
	secret func([]byte)

	mu      sync.Mutex
	byAcct  map[string]*dataKey
	byID    map[uint32]*dataKey
	nextID  uint32
	openMu  sync.RWMutex
	opening map[openKey]cipher.AEAD
}

type openKey struct {
	id     uint32
	prefix [12]byte
}

type dataKey struct {
	id  uint32
	x   *xaes
	cur atomic.Pointer[current]
}

type current struct {
	prefix [12]byte
	a      cipher.AEAD
	uses   atomic.Int64
}

// ErrMasterKey says that the master key is not the one this data was sealed with.
var ErrMasterKey = errors.New("the master key is not the one this data folder was sealed with")

// New opens the data keys with the master key. secret fills from the system's generator.
func New(master []byte, ks KeyStore, secret func([]byte)) (*Sealer, error) {
	m, err := newXAES(master)
	if err != nil {
		return nil, err
	}
	s := &Sealer{master: m, keys: ks, secret: secret, byAcct: map[string]*dataKey{}, byID: map[uint32]*dataKey{}, nextID: 1, opening: map[openKey]cipher.AEAD{}}
	all, err := ks.LoadKeys()
	if err != nil {
		return nil, err
	}
	for id, w := range all {
		plain, err := openWith(m, w.Wrapped, wrapAD(id, w.Account))
		if err != nil {
			return nil, ErrMasterKey
		}
		x, err := newXAES(plain)
		if err != nil {
			return nil, err
		}
		k := &dataKey{id: id, x: x}
		s.byID[id] = k
		if old := s.byAcct[w.Account]; old == nil || old.id < id {
			s.byAcct[w.Account] = k
		}
		s.nextID = max(s.nextID, id+1)
	}
	return s, nil
}

func wrapAD(id uint32, account string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte("virga data key"), id), account...)
}

func sealWith(x *xaes, secret func([]byte), plain, ad []byte) ([]byte, error) {
	out := make([]byte, NonceSize, NonceSize+len(plain)+Overhead)
	secret(out)
	a, err := x.derive(out[:12])
	if err != nil {
		return nil, err
	}
	return a.Seal(out, out[12:NonceSize], plain, ad), nil
}

func openWith(x *xaes, b, ad []byte) ([]byte, error) { return openInto(nil, x, b, ad) }

func openInto(dst []byte, x *xaes, b, ad []byte) ([]byte, error) {
	if len(b) < NonceSize+Overhead {
		return nil, errOpen
	}
	a, err := x.derive(b[:12])
	if err != nil {
		return nil, err
	}
	return a.Open(dst, b[12:NonceSize], b[NonceSize:], ad)
}

// key gives the account's data key and makes one at first use.
func (s *Sealer) key(account string) (*dataKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.byAcct[account]; k != nil {
		return k, nil
	}
	var plain [KeySize]byte
	s.secret(plain[:])
	id := s.nextID
	w, err := sealWith(s.master, s.secret, plain[:], wrapAD(id, account))
	if err != nil {
		return nil, err
	}
	if err := s.keys.SaveKey(id, WrappedKey{account, w}); err != nil {
		return nil, fmt.Errorf("seal: save data key: %w", err)
	}
	x, err := newXAES(plain[:])
	if err != nil {
		return nil, err
	}
	k := &dataKey{id: id, x: x}
	s.nextID++
	s.byAcct[account], s.byID[id] = k, k
	return k, nil
}

func (s *Sealer) sealing(k *dataKey) (*current, error) {
	if c := k.cur.Load(); c != nil && c.uses.Add(1) < prefixUsesMax {
		return c, nil
	}
	c := &current{}
	s.secret(c.prefix[:])
	a, err := k.x.derive(c.prefix[:])
	if err != nil {
		return nil, err
	}
	c.a = a
	k.cur.Store(c)
	return c, nil
}

// Seal implements resolver.Sealer.
func (s *Sealer) Seal(dst []byte, key store.Key, value []byte) ([]byte, error) {
	k, err := s.key(key.Account())
	if err != nil {
		return nil, err
	}
	c, err := s.sealing(k)
	if err != nil {
		return nil, err
	}
	plain := pack(value)
	n := len(dst)
	if cap(dst)-n < headSize+len(plain)+Overhead {
		dst = append(make([]byte, 0, n+headSize+len(plain)+Overhead), dst...)
	}
	dst = append(dst, format)
	dst = binary.BigEndian.AppendUint32(dst, k.id)
	dst = append(dst, c.prefix[:]...)
	var rest [12]byte
	s.secret(rest[:])
	dst = append(dst, rest[:]...)
	return c.a.Seal(dst, rest[:], plain, ad(k.id, key)), nil
}

// Open implements resolver.Sealer.
func (s *Sealer) Open(dst []byte, key store.Key, sealed []byte) ([]byte, error) {
	if len(sealed) < headSize+Overhead || sealed[0] != format {
		return nil, errOpen
	}
	ok := openKey{id: binary.BigEndian.Uint32(sealed[1:])}
	copy(ok.prefix[:], sealed[5:17])
	s.openMu.RLock()
	a := s.opening[ok]
	s.openMu.RUnlock()
	if a == nil {
		s.mu.Lock()
		k := s.byID[ok.id]
		s.mu.Unlock()
		if k == nil {
			return nil, fmt.Errorf("seal: no data key %d", ok.id)
		}
		var err error
		if a, err = k.x.derive(ok.prefix[:]); err != nil {
			return nil, err
		}
		s.openMu.Lock()
		if len(s.opening) >= openCacheMax {
			clear(s.opening)
		}
		s.opening[ok] = a
		s.openMu.Unlock()
	}
	plain, err := a.Open(dst, sealed[17:headSize], sealed[headSize:], ad(ok.id, key))
	if err != nil {
		return nil, errOpen
	}
	return unpack(plain)
}

func ad(id uint32, key store.Key) []byte {
	b := make([]byte, 0, 5+len(key))
	b = append(b, format)
	b = binary.BigEndian.AppendUint32(b, id)
	return append(b, key...)
}

// pack puts a flag byte before the value: 0 plain, 1 deflated.
func pack(v []byte) []byte {
	if len(v) >= compressFrom {
		var b bytes.Buffer
		b.Grow(len(v))
		b.WriteByte(1)
		w := deflaters.Get().(*flate.Writer)
		w.Reset(&b)
		_, err := w.Write(v)
		if err == nil && w.Close() == nil && b.Len() < len(v)-len(v)/8 {
			deflaters.Put(w)
			return b.Bytes()
		}
		deflaters.Put(w)
	}
	return append(append(make([]byte, 0, len(v)+1), 0), v...)
}

var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriter(io.Discard, 1)
	if err != nil {
		panic(err) // the level is a constant
	}
	return w
}}

func unpack(p []byte) ([]byte, error) {
	if len(p) == 0 {
		return nil, errOpen
	}
	if p[0] == 0 {
		return p[1:], nil
	}
	r := inflaters.Get().(*inflater)
	defer inflaters.Put(r)
	r.src.Reset(p[1:])
	if err := r.Reset(&r.src, nil); err != nil {
		return nil, fmt.Errorf("seal: unpack: %w", err)
	}
	out := bytes.NewBuffer(make([]byte, 0, 4*len(p)+bytes.MinRead))
	if n, err := out.ReadFrom(io.LimitReader(r, plainMax+1)); err != nil || n > plainMax {
		return nil, fmt.Errorf("seal: unpack: %w", errOpen)
	}
	r.src.Reset(nil)
	return out.Bytes(), nil
}

// inflater is a reader with its window of 32 KB, kept from one value to the next.
type inflater struct {
	src bytes.Reader
	io.Reader
	flate.Resetter
}

var inflaters = sync.Pool{New: func() any {
	r := flate.NewReader(bytes.NewReader(nil))
	return &inflater{Reader: r, Resetter: r.(flate.Resetter)}
}}

// SealToken seals an opaque token (NextToken, receipt handle …) under an account's key, bound to context.
func (s *Sealer) SealToken(account, context string, plain []byte) ([]byte, error) {
	return s.AppendToken(make([]byte, 0, 4+NonceSize+len(plain)+Overhead), account, context, plain)
}

// AppendToken is SealToken behind dst, for those who keep their buffers. dst and plain must not overlap.
func (s *Sealer) AppendToken(dst []byte, account, context string, plain []byte) ([]byte, error) {
	k, err := s.key(account)
	if err != nil {
		return nil, err
	}
	dst = binary.BigEndian.AppendUint32(dst, k.id)
	n := len(dst)
	dst = append(dst, make([]byte, NonceSize)...)
	nonce := dst[n:]
	s.secret(nonce)
	a, err := k.x.derive(nonce[:12])
	if err != nil {
		return nil, err
	}
	return a.Seal(dst, nonce[12:], plain, []byte("token\x00"+account+"\x00"+context)), nil
}

// OpenToken opens what SealToken made for the same account and context.
func (s *Sealer) OpenToken(account, context string, b []byte) ([]byte, error) {
	return s.AppendOpened(nil, account, context, b)
}

// AppendOpened is OpenToken behind dst. dst and b must not overlap.
func (s *Sealer) AppendOpened(dst []byte, account, context string, b []byte) ([]byte, error) {
	if len(b) < 4 {
		return nil, errOpen
	}
	s.mu.Lock()
	k := s.byID[binary.BigEndian.Uint32(b)]
	s.mu.Unlock()
	if k == nil {
		return nil, errOpen
	}
	return openInto(dst, k.x, b[4:], []byte("token\x00"+account+"\x00"+context))
}
