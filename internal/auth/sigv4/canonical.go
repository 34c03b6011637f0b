package sigv4

import (
	"encoding/hex"
	"slices"
	"strings"
)

const upperHex = "0123456789ABCDEF"

// unreserved tells which bytes stand for themselves in a canonical URI (RFC 3986, section 2.3).
func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}

// appendEncoded percent-encodes s; a slash stays when keepSlash.
func appendEncoded(b []byte, s string, keepSlash bool) []byte {
	for i := range len(s) {
		c := s[i]
		if unreserved(c) || keepSlash && c == '/' {
			b = append(b, c)
		} else {
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return b
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// decode undoes percent-encoding; plus says that '+' is a space, as in a query. ok is false for a broken escape.
func decode(s string, plus bool) (out string, ok bool) {
	if strings.IndexByte(s, '%') < 0 && (!plus || strings.IndexByte(s, '+') < 0) {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '%':
			if i+2 >= len(s) || unhex(s[i+1]) < 0 || unhex(s[i+2]) < 0 {
				return "", false
			}
			b = append(b, byte(unhex(s[i+1])<<4|unhex(s[i+2])))
			i += 2
		case c == '+' && plus:
			b = append(b, ' ')
		default:
			b = append(b, c)
		}
	}
	return string(b), true
}

// appendPath appends the canonical URI of a path as it came over the wire. Amazon S3 wants it decoded and encoded once;
// every other service encodes what came once more, after removing empty, "." and ".." segments when normalize.
func appendPath(b []byte, raw string, double, normalize bool) ([]byte, bool) {
	if raw == "" {
		return append(b, '/'), true
	}
	if raw[0] != '/' {
		b = append(b, '/')
	}
	if normalize {
		raw = normalizePath(raw)
	}
	if !double {
		d, ok := decode(raw, false)
		if !ok {
			return b, false
		}
		raw = d
	}
	return appendEncoded(b, raw, true), true
}

func normalizePath(p string) string {
	if p == "/" || !strings.Contains(p, "//") && !strings.Contains(p, "/.") {
		return p
	}
	var out []string
	for s := range strings.SplitSeq(p, "/") {
		switch s {
		case "", ".":
		case "..":
			if len(out) > 0 {
				out = out[:len(out)-1]
			}
		default:
			out = append(out, s)
		}
	}
	n := "/" + strings.Join(out, "/")
	if len(out) > 0 && (strings.HasSuffix(p, "/") || strings.HasSuffix(p, "/.") || strings.HasSuffix(p, "/..")) {
		n += "/"
	}
	return n
}

// param is one query parameter, decoded.
type param struct{ name, value string }

// parseQuery reads a raw query. ok is false for a broken escape or too many parameters.
func parseQuery(raw string) (ps []param, ok bool) {
	if raw == "" {
		return nil, true
	}
	if n := strings.Count(raw, "&"); n >= MaxQueryParameters {
		return nil, false
	} else {
		ps = make([]param, 0, n+1)
	}
	for piece := range strings.SplitSeq(raw, "&") {
		if piece == "" {
			continue
		}
		k, v, _ := strings.Cut(piece, "=")
		k, ok1 := decode(k, true)
		v, ok2 := decode(v, true)
		if !ok1 || !ok2 {
			return nil, false
		}
		ps = append(ps, param{k, v})
	}
	return ps, true
}

// appendQuery appends the canonical query string: encoded, then sorted by name and value, without parameter drop.
func appendQuery(b []byte, ps []param, drop string) []byte {
	if len(ps) == 0 {
		return b
	}
	enc := make([]param, 0, len(ps))
	for _, p := range ps {
		if drop != "" && p.name == drop {
			continue
		}
		enc = append(enc, param{encoded(p.name), encoded(p.value)})
	}
	slices.SortFunc(enc, func(a, b param) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	for i, p := range enc {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(b, p.name...)
		b = append(b, '=')
		b = append(b, p.value...)
	}
	return b
}

func encoded(s string) string {
	for i := range len(s) {
		if !unreserved(s[i]) {
			return string(appendEncoded(make([]byte, 0, len(s)+16), s, false))
		}
	}
	return s
}

// appendValue appends a header value trimmed, runs of white space as one space.
func appendValue(b []byte, v string) []byte {
	gap, begun := false, false
	for i := range len(v) {
		switch c := v[i]; c {
		case ' ', '\t', '\n', '\r', '\v', '\f':
			gap = begun
		default:
			if gap {
				b = append(b, ' ')
			}
			b = append(b, c)
			gap, begun = false, true
		}
	}
	return b
}

// lowerEqual tells whether lower-case name equals key without regard to key's case.
func lowerEqual(name, key string) bool {
	if len(name) != len(key) {
		return false
	}
	for i := range len(key) {
		c := key[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != name[i] {
			return false
		}
	}
	return true
}

// canonicalKey writes a lower-case name as Go's header maps spell it, into buf.
func canonicalKey(buf []byte, name string) []byte {
	up := true
	for i := range len(name) {
		c := name[i]
		if up && 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		up = c == '-'
		buf = append(buf, c)
	}
	return buf
}

// values gives the values of a lower-case header name. Host comes from the request line's host.
func (r *Request) values(name string, one *[1]string) []string {
	if name == "host" {
		one[0] = r.Host
		return one[:]
	}
	var buf [64]byte
	return r.Header[string(canonicalKey(buf[:0], name))]
}

// appendCanonical appends the canonical request (IAM User Guide, "Create a canonical request").
// An absent header that signed names is reported.
func (r *Request) appendCanonical(b []byte, ps []param, drop string, signed []string, signedList, payload string, double, normalize bool) ([]byte, error) {
	b = append(b, r.Method...)
	b = append(b, '\n')
	b, ok := appendPath(b, r.RawPath, double, normalize)
	if !ok {
		return nil, fail(InvalidURI, "The request URI cannot be read", "")
	}
	b = append(b, '\n')
	b = appendQuery(b, ps, drop)
	b = append(b, '\n')
	var one [1]string
	for _, name := range signed {
		vs := r.values(name, &one)
		if len(vs) == 0 || name == "host" && vs[0] == "" {
			return nil, fail(SignatureDoesNotMatch, "The header '"+name+"' is listed in SignedHeaders and absent from the request.", "")
		}
		b = append(b, name...)
		b = append(b, ':')
		for i, v := range vs {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendValue(b, v)
		}
		b = append(b, '\n')
	}
	b = append(b, '\n')
	b = append(b, signedList...)
	b = append(b, '\n')
	return append(b, payload...), nil
}

// appendStringToSign appends what is signed for a request's canonical form.
func appendStringToSign(b []byte, timestamp, date, region, service string, sum [32]byte) []byte {
	b = append(b, algorithm...)
	b = append(b, '\n')
	b = append(b, timestamp...)
	b = append(b, '\n')
	b = appendScope(b, date, region, service)
	b = append(b, '\n')
	return hex.AppendEncode(b, sum[:])
}

func appendScope(b []byte, date, region, service string) []byte {
	b = append(b, date...)
	b = append(b, '/')
	b = append(b, region...)
	b = append(b, '/')
	b = append(b, service...)
	b = append(b, '/')
	return append(b, terminator...)
}
