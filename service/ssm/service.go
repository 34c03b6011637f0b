package ssm

import (
	"context"
	"encoding/base64"
	"strings"

	ssmapi "virga/api/ssm"
	"virga/internal/env"
	"virga/internal/gate"
	"virga/internal/pagetoken"
	"virga/internal/resource"
	"virga/internal/store"
	"virga/internal/wire"
)

// Sealer seals tokens; seal.Sealer is one.
type Sealer interface {
	SealToken(account, context string, plain []byte) ([]byte, error)
	OpenToken(account, context string, sealed []byte) ([]byte, error)
}

// Config joins the service.
type Config struct {
	Env    env.Env
	Store  store.Store
	Sealer Sealer
}

// Service is Parameter Store.
type Service struct{ cfg Config }

var _ ssmapi.Server = (*Service)(nil)

// New makes the service.
func New(cfg Config) *Service { return &Service{cfg} }

// Parts is what the service brings.
func (s *Service) Parts() gate.Parts {
	return gate.Parts{Model: &ssmapi.Model, Handlers: ssmapi.Handlers(s), Types: []resource.Type{parameterType{}}}
}

// arnOf is a parameter's ARN: names with and without a leading slash look alike in it.
func arnOf(c *wire.Call, name string) string {
	return "arn:aws:ssm:" + c.Region + ":" + accountOf(c, name) + ":parameter/" + strings.TrimPrefix(name, "/")
}

// plainName reads a name or an ARN of the caller's own.
func plainName(c *wire.Call, n string) string {
	if rest, ok := strings.CutPrefix(n, "arn:aws:ssm:"+c.Region+":"+c.Account+":parameter/"); ok {
		if strings.Contains(rest, "/") {
			return "/" + rest
		}
		return rest
	}
	if rest, ok := strings.CutPrefix(n, "arn:aws:ssm:"+c.Region+"::parameter/"); ok && isPublic("/"+rest) {
		return "/" + rest
	}
	return n
}

func (s *Service) pages() pagetoken.Tokens {
	return pagetoken.Tokens{Sealer: s.cfg.Sealer, Service: "ssm", Encoding: base64.StdEncoding}
}

func (s *Service) untoken(c *wire.Call, query string, t *string) (string, error) {
	at, ok := s.pages().Open(c, query, t)
	if !ok {
		return "", &ssmapi.InvalidNextToken{Message: "The specified token isn't valid."}
	}
	return at, nil
}

// cipherText is what a SecureString shows without decryption.
func (s *Service) cipherText(account, name string, v *version) (string, error) {
	b, err := s.cfg.Sealer.SealToken(account, "ssm/secure/"+name, []byte(v.Value))
	return base64.StdEncoding.EncodeToString(b), err
}

func (s *Service) view(ctx context.Context, fn func(r store.Reader) error) error {
	return s.cfg.Store.View(ctx, fn)
}
