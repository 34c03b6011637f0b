package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Credentials are a key id, its secret and, for a session, its token.
type Credentials struct{ AccessKeyID, SecretAccessKey, SessionToken string }

// Signer signs requests: for tests, for the CLI and for calls that leave this cloud. It reads no clock.
type Signer struct {
	Credentials
	Region, Service         string
	DoubleEncode, Normalize bool // as in Options; both for all services but S3
	HashHeader              bool // send x-amz-content-sha256 (S3 asks for it)
	OmitToken               bool // add the token after signing, unsigned
	Cache                   *KeyCache
}

// SignerFor makes a signer with a service's habits.
func SignerFor(c Credentials, region, service string) Signer {
	o := OptionsFor(service, region)
	return Signer{Credentials: c, Region: region, Service: service, DoubleEncode: o.DoubleEncode, Normalize: o.Normalize, HashHeader: o.S3}
}

// Trace is how a signature came to be.
type Trace struct{ CanonicalRequest, StringToSign, Signature string }

// unsignable are headers that connections and proxies change on the way.
func unsignable(name string) bool {
	switch name {
	case "authorization", "user-agent", "x-amzn-trace-id", "expect", "connection", "keep-alive", "proxy-connection",
		"proxy-authorization", "transfer-encoding", "te", "trailer", "upgrade", "accept-encoding":
		return true
	}
	return false
}

func signedNames(h http.Header) []string {
	names := []string{"host"}
	for k := range h {
		if l := strings.ToLower(k); !unsignable(l) && l != "host" {
			names = append(names, l)
		}
	}
	slices.Sort(names)
	return names
}

// Sign signs r at t in its Authorization header, which it sets together with X-Amz-Date, X-Amz-Security-Token and, if
// so configured, X-Amz-Content-Sha256. payload is the body's hash in lower-case hexadecimal, or one of S3's words.
func (s Signer) Sign(r *Request, t time.Time, payload string) (Trace, error) {
	stamp := t.UTC().Format(timeFormat)
	r.Header.Del("Authorization")
	r.Header.Set("X-Amz-Date", stamp)
	if s.SessionToken != "" && !s.OmitToken {
		r.Header.Set("X-Amz-Security-Token", s.SessionToken)
	}
	if s.HashHeader {
		r.Header.Set("X-Amz-Content-Sha256", payload)
	}
	names := signedNames(r.Header)
	tr, err := s.trace(r, names, stamp, payload)
	if err != nil {
		return tr, err
	}
	r.Header.Set("Authorization", algorithm+" Credential="+s.AccessKeyID+"/"+string(appendScope(nil, stamp[:8], s.Region, s.Service))+
		", SignedHeaders="+strings.Join(names, ";")+", Signature="+tr.Signature)
	if s.SessionToken != "" && s.OmitToken {
		r.Header.Set("X-Amz-Security-Token", s.SessionToken)
	}
	return tr, nil
}

// Presign signs r at t in its query, to be good for the given time (whole seconds, 1 to 604800).
func (s Signer) Presign(r *Request, t time.Time, good time.Duration, payload string) (Trace, error) {
	stamp := t.UTC().Format(timeFormat)
	names := signedNames(r.Header)
	add := func(k, v string) {
		if r.RawQuery != "" {
			r.RawQuery += "&"
		}
		r.RawQuery += k + "=" + encoded(v)
	}
	add("X-Amz-Algorithm", algorithm)
	add("X-Amz-Credential", s.AccessKeyID+"/"+string(appendScope(nil, stamp[:8], s.Region, s.Service)))
	add("X-Amz-Date", stamp)
	add("X-Amz-Expires", strconv.FormatInt(int64(good/time.Second), 10))
	add("X-Amz-SignedHeaders", strings.Join(names, ";"))
	if s.SessionToken != "" && !s.OmitToken {
		add("X-Amz-Security-Token", s.SessionToken)
	}
	tr, err := s.trace(r, names, stamp, payload)
	if err != nil {
		return tr, err
	}
	if s.SessionToken != "" && s.OmitToken {
		add("X-Amz-Security-Token", s.SessionToken)
	}
	add("X-Amz-Signature", tr.Signature)
	return tr, nil
}

// SignPolicy signs a browser form's policy (base64) and gives the form's fields.
func (s Signer) SignPolicy(policy string, t time.Time) map[string]string {
	stamp := t.UTC().Format(timeFormat)
	k := s.Cache.Key(s.AccessKeyID, s.SecretAccessKey, stamp[:8], s.Region, s.Service)
	mac := hmac256(k[:], policy)
	f := map[string]string{
		"policy": policy, "x-amz-algorithm": algorithm, "x-amz-date": stamp, "x-amz-signature": hex.EncodeToString(mac[:]),
		"x-amz-credential": s.AccessKeyID + "/" + string(appendScope(nil, stamp[:8], s.Region, s.Service)),
	}
	if s.SessionToken != "" {
		f["x-amz-security-token"] = s.SessionToken
	}
	return f
}

// SignHTTP signs an outgoing HTTP request; payload as for Sign.
func (s Signer) SignHTTP(r *http.Request, t time.Time, payload string) error {
	q := FromHTTP(r)
	_, err := s.Sign(&q, t, payload)
	return err
}

// HashOf gives a body's hash as signatures want it.
func HashOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

func (s Signer) trace(r *Request, names []string, stamp, payload string) (Trace, error) {
	params, ok := parseQuery(r.RawQuery)
	if !ok {
		return Trace{}, fail(InvalidURI, "The query string cannot be read", "")
	}
	canonical, err := r.appendCanonical(nil, params, "", names, strings.Join(names, ";"), payload, s.DoubleEncode, s.Normalize)
	if err != nil {
		return Trace{}, err
	}
	sts := appendStringToSign(nil, stamp, stamp[:8], s.Region, s.Service, sha256.Sum256(canonical))
	k := s.Cache.Key(s.AccessKeyID, s.SecretAccessKey, stamp[:8], s.Region, s.Service)
	mac := hmac256(k[:], sts)
	return Trace{string(canonical), string(sts), hex.EncodeToString(mac[:])}, nil
}

// ChunkWriter writes a body as aws-chunked, each chunk signed on the one before, for a request whose payload is one of
// the three streaming words. Close ends the body with the empty chunk and the trailing headers.
type ChunkWriter struct {
	w        io.Writer
	payload  Payload
	key      SigningKey
	scope    string
	previous string
	buf      []byte
	size     int
	trailers []param
	err      error
}

// NewChunkWriter begins a body after Sign has signed r with a streaming payload word. chunk is the size of chunks in
// bytes; S3 takes none below 8192 but the last.
func (s Signer) NewChunkWriter(w io.Writer, r *Request, chunk int) (*ChunkWriter, error) {
	q, err := Parse(*r)
	if err != nil {
		return nil, err
	}
	switch q.Payload {
	case PayloadChunked, PayloadChunkedTrailer, PayloadChunkedUnsignedTrailer:
	default:
		return nil, fail(InvalidContentHash, "The request was not signed for a streamed payload.", "")
	}
	return &ChunkWriter{
		w: w, payload: q.Payload, previous: q.Value, size: max(chunk, 1),
		key:   s.Cache.Key(q.KeyID, s.SecretAccessKey, q.Date, q.Region, q.Service),
		scope: q.Timestamp + "\n" + string(appendScope(nil, q.Date, q.Region, q.Service)),
	}, nil
}

// ChunkedLength is the Content-Length of n bytes written as chunks of the given size, trailing headers ("name:value")
// included.
func ChunkedLength(payload string, n, chunk int64, trailers ...string) int64 {
	p, total := payloadOf(payload), int64(0)
	one := func(size int64) int64 {
		l := int64(len(strconv.FormatInt(size, 16))) + 2
		if p != PayloadChunkedUnsignedTrailer {
			l += int64(len(";chunk-signature=")) + 64
		}
		if size > 0 {
			l += size + 2
		}
		return l
	}
	total = n/chunk*one(chunk) + one(0) + 2
	if n%chunk > 0 {
		total += one(n % chunk)
	}
	for _, t := range trailers {
		total += int64(len(t)) + 2
	}
	if p == PayloadChunkedTrailer {
		total += int64(len("x-amz-trailer-signature:")) + 64 + 2
	}
	return total
}

// Write implements io.Writer.
func (c *ChunkWriter) Write(p []byte) (int, error) {
	n := 0
	for len(p) > 0 && c.err == nil {
		k := min(c.size-len(c.buf), len(p))
		c.buf = append(c.buf, p[:k]...)
		p, n = p[k:], n+k
		if len(c.buf) == c.size {
			c.flush()
		}
	}
	return n, c.err
}

// Trailer adds a trailing header, to be written by Close; the request must have announced it in x-amz-trailer.
func (c *ChunkWriter) Trailer(name, value string) {
	c.trailers = append(c.trailers, param{strings.ToLower(name), value})
}

func (c *ChunkWriter) sign(sts string) string {
	mac := hmac256(c.key[:], sts)
	c.previous = hex.EncodeToString(mac[:])
	return c.previous
}

func (c *ChunkWriter) flush() {
	line := strconv.FormatInt(int64(len(c.buf)), 16)
	if c.payload != PayloadChunkedUnsignedTrailer {
		line += ";chunk-signature=" + c.sign("AWS4-HMAC-SHA256-PAYLOAD\n"+c.scope+"\n"+c.previous+"\n"+EmptyHash+"\n"+HashOf(c.buf))
	}
	c.put(line + "\r\n")
	if len(c.buf) > 0 {
		c.put(string(c.buf) + "\r\n")
	}
	c.buf = c.buf[:0]
}

func (c *ChunkWriter) put(s string) {
	if c.err == nil {
		_, c.err = io.WriteString(c.w, s)
	}
}

// Close writes the rest, the empty chunk, the trailing headers and their signature.
func (c *ChunkWriter) Close() error {
	if len(c.buf) > 0 {
		c.flush()
	}
	c.flush()
	if c.payload != PayloadChunked {
		var canonical strings.Builder
		for _, t := range c.trailers {
			canonical.WriteString(t.name + ":" + t.value + "\n")
			c.put(t.name + ":" + t.value + "\r\n")
		}
		if c.payload == PayloadChunkedTrailer {
			c.put("x-amz-trailer-signature:" + c.sign("AWS4-HMAC-SHA256-TRAILER\n"+c.scope+"\n"+c.previous+"\n"+HashOf([]byte(canonical.String()))) + "\r\n")
		}
	}
	c.put("\r\n")
	return c.err
}
