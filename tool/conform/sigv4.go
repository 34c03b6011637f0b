package main

import (
	"net/http"
	"strings"
	"time"

	"virga/internal/auth/sigv4"
)

type sigv4Question struct {
	Op, Where, Algorithm string
	Request              struct {
		Method, URI string
		Headers     [][2]string
		Body        string
	}
	AccessKeyID      string `json:"access_key_id"`
	SecretAccessKey  string `json:"secret_access_key"`
	SessionToken     string `json:"session_token"`
	Region, Service  string
	Timestamp, Now   string
	Expires          int
	Normalize        bool
	SignBody         bool `json:"sign_body"`
	OmitSessionToken bool `json:"omit_session_token"`
	Secrets          map[string]string
}

func sigv4Main() error {
	return lines(func(q sigv4Question) any {
		r := sigv4.Request{Method: q.Request.Method, Header: http.Header{}}
		r.RawPath, r.RawQuery, _ = strings.Cut(q.Request.URI, "?")
		for _, h := range q.Request.Headers {
			if strings.EqualFold(h[0], "host") {
				r.Host = strings.TrimSpace(h[1])
			} else {
				r.Header.Add(h[0], strings.TrimSpace(h[1]))
			}
		}
		if q.Op == "verify" {
			return sigv4Verify(q, r)
		}
		return sigv4Sign(q, r)
	})
}

func sigv4Sign(q sigv4Question, r sigv4.Request) any {
	at, err := time.Parse(time.RFC3339, q.Timestamp)
	if err != nil || q.Algorithm != "AWS4-HMAC-SHA256" {
		return map[string]string{"error": "timestamp or algorithm not supported"}
	}
	s := sigv4.Signer{
		Credentials: sigv4.Credentials{AccessKeyID: q.AccessKeyID, SecretAccessKey: q.SecretAccessKey, SessionToken: q.SessionToken},
		Region:      q.Region, Service: q.Service, DoubleEncode: true, Normalize: q.Normalize, HashHeader: q.SignBody, OmitToken: q.OmitSessionToken,
	}
	var t sigv4.Trace
	if hash := sigv4.HashOf([]byte(q.Request.Body)); q.Where == "query" {
		t, err = s.Presign(&r, at, time.Duration(q.Expires)*time.Second, hash)
	} else {
		t, err = s.Sign(&r, at, hash)
	}
	if err != nil {
		return map[string]string{"error": err.Error()}
	}
	return map[string]string{"canonical_request": t.CanonicalRequest, "string_to_sign": t.StringToSign, "signature": t.Signature}
}

func sigv4Verify(q sigv4Question, r sigv4.Request) any {
	no := func(err error) any { return map[string]any{"ok": false, "error": err.Error()} }
	now, err := time.Parse(time.RFC3339, q.Now)
	if err != nil {
		return no(err)
	}
	s, err := sigv4.Parse(r)
	if err != nil {
		return no(err)
	}
	secret, ok := q.Secrets[s.KeyID]
	if !ok {
		return no(&sigv4.Error{Kind: sigv4.InvalidClientTokenID})
	}
	// One case of AWS's 2015 suite sends its session token unsigned and is judged as acceptable.
	o := sigv4.Options{UnsignedToken: true, Service: q.Service, Region: q.Region, DoubleEncode: true, Normalize: q.Normalize}
	if err := sigv4.Verify(s, sigv4.Key{Secret: secret}, now, sigv4.HashOf([]byte(q.Request.Body)), o); err != nil {
		return no(err)
	}
	return map[string]any{"ok": true}
}
