package s3

import (
	"strings"
	"testing"
	"unicode/utf8"

	"virga/internal/store"
)

func TestParseRange(t *testing.T) {
	for _, c := range []struct {
		h      string
		off, n int64
		ok     bool
		bad    bool
	}{
		{"bytes=0-8", 0, 9, true, false}, {"bytes=1-1", 1, 1, true, false}, {"bytes=1-0", 0, 10, false, false}, {"bytes=1-", 1, 9, true, false}, {"bytes=-1-", 0, 10, false, false},
		{"bytes=-2", 8, 2, true, false}, {"bytes=-15", 0, 10, true, false}, {"bytes=0-100", 0, 10, true, false}, {"bytes=0--1", 0, 10, false, false}, {"bytes=0-1,3-4", 0, 10, false, false},
		{"0-9", 0, 10, false, false}, {"bytes=-", 0, 10, false, false}, {"bytes=-0", 0, 0, false, true}, {"bytes=10-", 0, 0, false, true}, {"bytes=100-200", 0, 0, false, true},
	} {
		off, n, ok, err := parseRange(c.h, 10)
		if (err != nil) != c.bad || !c.bad && (off != c.off || n != c.n || ok != c.ok) {
			t.Errorf("%s: %d %d %v %v", c.h, off, n, ok, err)
		}
	}
}

func TestURLEncode(t *testing.T) {
	for in, want := range map[string]string{"a b+c/d": "a+b%2Bc/d", "ü%": "%C3%BC%25", "-_.*~": "-_.*%7E", "\x00\n": "%00%0A"} {
		if got := urlEncode(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func FuzzParseRange(f *testing.F) {
	f.Add("bytes=0-8", int64(10))
	f.Add("bytes=-5", int64(0))
	f.Fuzz(func(t *testing.T, h string, size int64) {
		if size < 0 {
			return
		}
		off, n, _, err := parseRange(h, size)
		if err == nil && (off < 0 || n < 0 || off+n > size) {
			t.Errorf("%q of %d: %d, %d", h, size, off, n)
		}
	})
}

func FuzzParseSource(f *testing.F) {
	f.Add("bucket/key?versionId=x")
	f.Add("/b%2Fkey%20x")
	f.Fuzz(func(t *testing.T, h string) {
		if s, err := parseSource(h); err == nil && (s.bucket == "" || s.key == "" || strings.Contains(s.bucket, "/")) {
			t.Errorf("%q: %+v", h, s)
		}
	})
}

func FuzzParsePolicy(f *testing.F) {
	f.Add(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::b/*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}]}`)
	f.Fuzz(func(t *testing.T, doc string) {
		if list, err := parsePolicy("b", doc); err == nil {
			isPublic(list)
		}
	})
}

func FuzzTail(f *testing.F) {
	f.Add("a\x00b\x00\xff")
	f.Fuzz(func(t *testing.T, key string) {
		b := &bucket{Account: "000000000000", ID: "i"}
		of := objectsOf(b)
		if got := tail(objectKey(b, key), len(of)); got != key {
			t.Errorf("%q came back as %q", key, got)
		}
		if got := tail(uploadKey(b, key, "u"), len(uploadsOf(b))); got != key {
			t.Errorf("%q came back as %q", key, got)
		}
		if len(key) <= keyMax && utf8.ValidString(key) && len(uploadKey(b, key, strings.Repeat("u", uploadIDLen))) > store.KeyBytesMax {
			t.Errorf("key of %d bytes makes a store key over the limit", len(key))
		}
	})
}

func TestIsPublic(t *testing.T) {
	st := func(principal, condition string) string {
		return `{"Statement":[{"Effect":"Allow","Principal":` + principal + `,"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"` + condition + `}]}`
	}
	for _, c := range []struct {
		doc    string
		public bool
	}{
		{st(`"*"`, ""), true}, {st(`{"AWS":"*"}`, ""), true}, {st(`{"AWS":"123456789012"}`, ""), false}, {st(`{"Service":"cloudfront.amazonaws.com"}`, ""), false},
		{st(`"*"`, `,"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}`), false}, {st(`"*"`, `,"Condition":{"StringLike":{"aws:SourceVpce":"vpce-*"}}`), true},
		{st(`"*"`, `,"Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`), false}, {st(`"*"`, `,"Condition":{"IpAddress":{"aws:SourceIp":["203.0.113.0/24","0.0.0.0/0"]}}`), true},
		{st(`"*"`, `,"Condition":{"StringEquals":{"s3:prefix":"x"}}`), true}, {st(`"*"`, `,"Condition":{"StringEqualsIfExists":{"aws:SourceAccount":"123456789012"}}`), true},
	} {
		list, err := parsePolicy("b", c.doc)
		if err != nil {
			t.Fatal(c.doc, err)
		}
		if isPublic(list) != c.public {
			t.Errorf("%s: public is %v", c.doc, !c.public)
		}
	}
}
