// Package pagetoken seals where a page of a list ends into the token that AWS's list operations give back. A token is bound to
// account, service, operation, region and query: it opens nowhere else.
package pagetoken

import (
	"encoding/base64"

	"virga/internal/wire"
)

// Sealer seals tokens; seal.Sealer is one.
type Sealer interface {
	SealToken(account, context string, plain []byte) ([]byte, error)
	OpenToken(account, context string, sealed []byte) ([]byte, error)
}

// Tokens are a service's page tokens in its encoding.
type Tokens struct {
	Sealer   Sealer
	Service  string
	Encoding *base64.Encoding
}

func (t Tokens) context(c *wire.Call, query string) string {
	return t.Service + "/" + c.Operation + "/" + c.Region + "/" + query
}

// Seal gives the token for a page that ends at at.
func (t Tokens) Seal(c *wire.Call, query, at string) (*string, error) {
	b, err := t.Sealer.SealToken(c.Account, t.context(c, query), []byte(at))
	if err != nil {
		return nil, err
	}
	return wire.P(t.Encoding.EncodeToString(b)), nil
}

// Open gives where the page before ended, "" where there is no token or an empty one, or false: it is not one of this list's.
func (t Tokens) Open(c *wire.Call, query string, token *string) (at string, ok bool) {
	if token == nil || *token == "" {
		return "", true
	}
	b, err := t.Encoding.DecodeString(*token)
	if err == nil {
		b, err = t.Sealer.OpenToken(c.Account, t.context(c, query), b)
	}
	if err != nil {
		return "", false
	}
	return string(b), true
}

// Cut gives at most max entries of a list in memory, sorted by id, from behind a token; next is nil at its end. ok is false where
// the token is not one of this list's.
func Cut[T any](t Tokens, c *wire.Call, query string, token *string, list []T, id func(*T) string, max int) (out []T, next *string, ok bool, err error) {
	after, ok := t.Open(c, query, token)
	if !ok {
		return nil, nil, false, nil
	}
	i := 0
	for token != nil && *token != "" && i < len(list) && id(&list[i]) <= after {
		i++
	}
	if list = list[i:]; len(list) <= max {
		return list, nil, true, nil
	}
	list = list[:max]
	next, err = t.Seal(c, query, id(&list[max-1]))
	return list, next, true, err
}
