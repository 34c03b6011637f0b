package sigv4

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"

	"crypto/subtle"
)

// Bounds of chunked bodies.
const (
	// DefaultMaxChunkBytes is the largest signed chunk taken when not told otherwise: that much is held back until
	// the chunk's signature is known to be good.
	DefaultMaxChunkBytes = 16 << 20
	// MinChunkBytes is the least size of a signed chunk that is not the last (Amazon S3's rule).
	MinChunkBytes = 8 << 10

	maxChunkLine    = 512
	maxTrailerBytes = 16 << 10
	maxTrailers     = 16
)

// BodyOptions are a server's bounds of a body.
type BodyOptions struct {
	MaxChunkBytes int64 // signed chunks; 0 = DefaultMaxChunkBytes
	MaxBytes      int64 // decoded bytes in all; 0 = unbounded (the caller bounds the connection)
}

// Body is a request's payload as the signature promised it. It releases no byte of a signed chunk before the chunk's
// signature is known to be good, and it ends in io.EOF only when all promises were kept; what was read before another
// error must be thrown away.
type Body struct {
	payload  Payload
	src      *bufio.Reader
	plain    io.Reader // PayloadHash, PayloadUnsigned, undeclared
	sum      hash.Hash
	want     string
	opts     BodyOptions
	err      error
	read     int64 // decoded bytes met
	decoded  int64 // x-amz-decoded-content-length, -1 = none
	left     int64 // bytes of the current unsigned chunk still to come
	begun    bool
	small    bool   // a signed chunk below the least size was met: only the empty one may follow
	chunk    []byte // verified, not yet released
	buf      []byte // the chunk's memory
	key      SigningKey
	previous string
	scope    string // timestamp, newline, scope
	declared []string
	trailer  http.Header
}

// NewBody gives the payload of a verified signature. For a signed literal hash it hashes what passes; for aws-chunked
// payloads it decodes. Verify must have accepted s with the same key.
func NewBody(r io.Reader, s *Signature, key Key, o BodyOptions) (*Body, error) {
	if o.MaxChunkBytes <= 0 {
		o.MaxChunkBytes = DefaultMaxChunkBytes
	}
	b := &Body{payload: s.Payload, opts: o, decoded: -1}
	if s.Form == QueryV2 || s.Form == PostPolicy || s.Form == Anonymous {
		if s.Form == Anonymous {
			if p := payloadOf(first(s.req.Header, "X-Amz-Content-Sha256")); p != PayloadUndeclared {
				return b.anonymous(r, s, p)
			}
		}
		b.payload, b.plain = PayloadUndeclared, r
		return b, nil
	}
	switch s.Payload {
	case PayloadUndeclared, PayloadUnsigned:
		b.plain = r
		return b, nil
	case PayloadHash:
		b.plain, b.sum, b.want = r, sha256.New(), s.ContentSHA256
		return b, nil
	case PayloadChunked, PayloadChunkedTrailer:
		if s.Form != Header {
			return nil, fail(InvalidContentHash, "Signed chunks need the Authorization header.", "Signed chunks need the Authorization header.")
		}
		b.key = key.Cache.Key(s.KeyID, key.Secret, s.Date, s.Region, s.Service)
		b.previous = s.Value
		b.scope = s.Timestamp + "\n" + string(appendScope(nil, s.Date, s.Region, s.Service))
	case PayloadChunkedUnsignedTrailer:
	default:
		return nil, fail(InvalidContentHash, "x-amz-content-sha256 cannot be read", "x-amz-content-sha256 cannot be read")
	}
	return b, b.chunked(r, s)
}

// anonymous reads the body of a request that nobody signed but that tells how its body is written.
func (b *Body) anonymous(r io.Reader, s *Signature, p Payload) (*Body, error) {
	b.payload = p
	switch p {
	case PayloadUnsigned:
		b.plain = r
		return b, nil
	case PayloadHash:
		b.plain, b.sum, b.want = r, sha256.New(), first(s.req.Header, "X-Amz-Content-Sha256")
		return b, nil
	case PayloadChunkedUnsignedTrailer:
		return b, b.chunked(r, s)
	}
	return nil, fail(InvalidContentHash, "A request that is not signed has no signed chunks.", "A request that is not signed has no signed chunks.")
}

// chunked reads what the headers say of a chunked body.
func (b *Body) chunked(r io.Reader, s *Signature) error {
	v := first(s.req.Header, "X-Amz-Decoded-Content-Length")
	if v == "" {
		return fail(MissingContentLength, "You must provide the x-amz-decoded-content-length HTTP header.", "")
	}
	n, err := strconv.ParseUint(v, 10, 63)
	if err != nil {
		return fail(IncompleteBody, "x-amz-decoded-content-length cannot be read", "x-amz-decoded-content-length cannot be read")
	}
	b.decoded = int64(n)
	if b.opts.MaxBytes > 0 && b.decoded > b.opts.MaxBytes {
		return fail(IncompleteBody, "The body is longer than allowed here.", "Your proposed upload exceeds the maximum allowed size")
	}
	names := strings.Join(s.req.Header["X-Amz-Trailer"], ",")
	if b.payload != PayloadChunked {
		for n := range strings.SplitSeq(names, ",") {
			if n = strings.ToLower(strings.TrimSpace(n)); n != "" {
				b.declared = append(b.declared, n)
			}
		}
		if len(b.declared) > maxTrailers {
			return fail(MalformedTrailer, "Too many trailing headers.", "")
		}
	} else if names != "" {
		return fail(MalformedTrailer, "x-amz-trailer needs a payload with trailer.", "")
	}
	b.src = bufio.NewReaderSize(r, 4096)
	return nil
}

// DecodedLength is x-amz-decoded-content-length, -1 where the body is not chunked.
func (b *Body) DecodedLength() int64 { return b.decoded }

// Announced gives the names of the trailing headers that x-amz-trailer promised, in lower case.
func (b *Body) Announced() []string { return b.declared }

// Trailer gives the trailing headers; they are there once Read has answered io.EOF, nil before.
func (b *Body) Trailer() http.Header {
	if b.err != io.EOF {
		return nil
	}
	return b.trailer
}

// Read implements io.Reader. Errors other than the source's own are *[Error].
func (b *Body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	var n int
	switch {
	case b.plain != nil:
		n, b.err = b.readPlain(p)
	case b.payload == PayloadChunkedUnsignedTrailer:
		n, b.err = b.readUnsigned(p)
	default:
		n, b.err = b.readSigned(p)
	}
	return n, b.err
}

func (b *Body) readPlain(p []byte) (int, error) {
	n, err := b.plain.Read(p)
	b.read += int64(n)
	if b.opts.MaxBytes > 0 && b.read > b.opts.MaxBytes {
		return 0, fail(IncompleteBody, "The body is longer than allowed here.", "Your proposed upload exceeds the maximum allowed size")
	}
	if b.sum == nil {
		return n, err
	}
	b.sum.Write(p[:n])
	if err == io.EOF {
		var got [64]byte
		hex.Encode(got[:], b.sum.Sum(nil))
		if subtle.ConstantTimeCompare(got[:], []byte(b.want)) != 1 {
			return n, fail(ContentHashMismatch, "The request signature we calculated does not match the signature you provided: the body is not the signed one.", "")
		}
	}
	return n, err
}

// short turns an early end into IncompleteBody; the source's other errors stay.
func short(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return broken("The request body terminated unexpectedly")
	}
	return err
}

func broken(m string) error { return fail(IncompleteBody, m, m) }

// line reads to the next line feed, the line's end cut off. atEnd tells that the body ended instead.
func (b *Body) line() (s string, atEnd bool, err error) {
	raw, err := b.src.ReadSlice('\n')
	switch {
	case err == io.EOF && len(raw) == 0:
		return "", true, nil
	case err == bufio.ErrBufferFull || len(raw) > maxTrailerBytes:
		return "", false, broken("A line of the chunked body is too long")
	case err != nil:
		return "", false, short(err)
	}
	raw = raw[:len(raw)-1]
	if n := len(raw); n > 0 && raw[n-1] == '\r' {
		raw = raw[:n-1]
	}
	return string(raw), false, nil
}

// header reads a chunk's first line: its size, and the signature of a signed one.
func (b *Body) header() (size int64, signature string, err error) {
	l, atEnd, err := b.line()
	if err != nil {
		return 0, "", err
	}
	if atEnd {
		return 0, "", broken("The request body terminated unexpectedly: the last chunk is missing")
	}
	if len(l) > maxChunkLine {
		return 0, "", broken("A chunk's first line is too long")
	}
	digits, rest, ext := strings.Cut(l, ";")
	if len(digits) == 0 || len(digits) > 15 {
		return 0, "", broken("A chunk's size cannot be read")
	}
	for i := range len(digits) {
		d := unhex(digits[i])
		if d < 0 {
			return 0, "", broken("A chunk's size cannot be read")
		}
		size = size<<4 | int64(d)
	}
	if b.payload == PayloadChunkedUnsignedTrailer {
		if ext {
			return 0, "", broken("An unsigned chunk has an extension")
		}
	} else {
		v, ok := strings.CutPrefix(rest, "chunk-signature=")
		if !ok || !isHex64(v) {
			return 0, "", broken("A chunk carries no signature")
		}
		signature = v
	}
	if b.read+size > b.decoded {
		return 0, "", broken("The body is longer than x-amz-decoded-content-length")
	}
	b.read += size
	return size, signature, nil
}

// crlf reads the line end behind a chunk's bytes.
func (b *Body) crlf() error {
	var e [2]byte
	if _, err := io.ReadFull(b.src, e[:]); err != nil {
		return short(err)
	}
	if e != [2]byte{'\r', '\n'} {
		return broken("A chunk is longer than its size")
	}
	return nil
}

func (b *Body) readUnsigned(p []byte) (int, error) {
	if b.left == 0 {
		if b.begun {
			if err := b.crlf(); err != nil {
				return 0, err
			}
		}
		size, _, err := b.header()
		if err != nil {
			return 0, err
		}
		if size == 0 {
			return 0, b.finish()
		}
		b.left, b.begun = size, true
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.src.Read(p)
	b.left -= int64(n)
	if err != nil {
		return n, short(err)
	}
	return n, nil
}

func (b *Body) readSigned(p []byte) (int, error) {
	if len(b.chunk) == 0 {
		if err := b.nextSigned(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.chunk)
	b.chunk = b.chunk[n:]
	return n, nil
}

// nextSigned reads one chunk whole and checks it; after the last one it answers io.EOF.
func (b *Body) nextSigned() error {
	size, given, err := b.header()
	if err != nil {
		return err
	}
	if size > b.opts.MaxChunkBytes {
		return fail(InvalidChunkSize, "A chunk is larger than allowed here.", "A chunk is larger than allowed here.")
	}
	if size > 0 && b.small {
		return fail(InvalidChunkSize, "Only the last chunk is allowed to have a size less than 8192 bytes", "Only the last chunk is allowed to have a size less than 8192 bytes")
	}
	b.small = size < MinChunkBytes
	// Memory grows with what arrives, not with what a line announces.
	b.buf = b.buf[:0]
	for int64(len(b.buf)) < size {
		step := min(size-int64(len(b.buf)), max(32<<10, int64(len(b.buf))))
		if free := cap(b.buf) - len(b.buf); int64(free) < step {
			grown := make([]byte, len(b.buf), int64(len(b.buf))+step)
			copy(grown, b.buf)
			b.buf = grown
		}
		at := len(b.buf)
		b.buf = b.buf[:at+int(step)]
		if _, err := io.ReadFull(b.src, b.buf[at:]); err != nil {
			return short(err)
		}
	}
	sum := sha256.Sum256(b.buf)
	sts := "AWS4-HMAC-SHA256-PAYLOAD\n" + b.scope + "\n" + b.previous + "\n" + EmptyHash + "\n" + hex.EncodeToString(sum[:])
	if err := b.check(sts, given); err != nil {
		return err
	}
	if size == 0 {
		return b.finish()
	}
	if err := b.crlf(); err != nil {
		return err
	}
	b.chunk = b.buf
	return nil
}

// check compares a signature of the chain and makes it the previous one.
func (b *Body) check(sts, given string) error {
	mac := hmac256(b.key[:], sts)
	var want [64]byte
	hex.Encode(want[:], mac[:])
	if subtle.ConstantTimeCompare(want[:], []byte(given)) != 1 {
		e := fail(ChunkSignatureMismatch, "The chunk signature we calculated does not match the one in the body.", "")
		e.StringToSign, e.SignatureProvided = sts, given
		return e
	}
	b.previous = given
	return nil
}

// finish reads what follows the last, empty chunk: trailing headers, their signature, the closing line. A body that
// ends instead of closing is taken: everything promised has been seen by then.
func (b *Body) finish() error {
	if b.read != b.decoded {
		return broken("You did not provide the number of bytes specified by the x-amz-decoded-content-length HTTP header")
	}
	trailer := make(http.Header)
	signed := b.payload == PayloadChunkedTrailer
	var canonical strings.Builder
	given := ""
	total := 0
	for blank := false; ; {
		l, atEnd, err := b.line()
		if err != nil {
			return err
		}
		if atEnd {
			break
		}
		if l == "" {
			if signed && given == "" && !blank && len(trailer) > 0 {
				blank = true // some clients put one between the headers and their signature, as AWS's example does
				continue
			}
			break
		}
		if b.payload == PayloadChunked || given != "" {
			return fail(MalformedTrailer, "Bytes follow the last chunk.", "")
		}
		k, v, ok := strings.Cut(l, ":")
		k, v = strings.ToLower(strings.TrimSpace(k)), strings.TrimSpace(v)
		if total += len(l); !ok || k == "" || total > maxTrailerBytes || len(trailer) >= maxTrailers && k != "x-amz-trailer-signature" {
			return fail(MalformedTrailer, "A trailing header cannot be read.", "")
		}
		if k == "x-amz-trailer-signature" {
			if !signed || !isHex64(v) {
				return fail(MalformedTrailer, "A trailer signature that does not belong here.", "")
			}
			given = v
			continue
		}
		known := false
		for _, d := range b.declared {
			known = known || d == k
		}
		key := http.CanonicalHeaderKey(k)
		if !known || trailer[key] != nil {
			return fail(MalformedTrailer, "A trailing header was not announced by x-amz-trailer, or comes twice.", "")
		}
		trailer[key] = []string{v}
		canonical.WriteString(k + ":" + v + "\n")
	}
	if len(trailer) != len(b.declared) {
		return fail(MalformedTrailer, "A trailing header that x-amz-trailer announced is missing.", "")
	}
	if signed {
		if given == "" {
			return fail(MalformedTrailer, "The trailer carries no signature.", "")
		}
		sum := sha256.Sum256([]byte(canonical.String()))
		if err := b.check("AWS4-HMAC-SHA256-TRAILER\n"+b.scope+"\n"+b.previous+"\n"+hex.EncodeToString(sum[:]), given); err != nil {
			return err
		}
	}
	if _, err := b.src.ReadByte(); err == nil {
		return broken("Bytes follow the end of the chunked body")
	} else if err != io.EOF {
		return err
	}
	b.trailer = trailer
	return io.EOF
}
