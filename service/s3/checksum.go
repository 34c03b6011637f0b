package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"hash"
	"io"
	"net/http"
	"strings"

	"virga/internal/blob"
	"virga/internal/checksum"
	"virga/internal/wire"
)

// sums are the x-amz-checksum-* values of a request, by algorithm.
type sums [11]*string

func sumsOf(crc32, crc32c, crc64nvme, sha1, sha256, sha512, md5, xxhash64, xxhash3, xxhash128 *string) sums {
	return sums{checksum.CRC32: crc32, checksum.CRC32C: crc32c, checksum.CRC64NVME: crc64nvme, checksum.SHA1: sha1, checksum.SHA256: sha256,
		checksum.SHA512: sha512, checksum.MD5: md5, checksum.XXHASH64: xxhash64, checksum.XXHASH3: xxhash3, checksum.XXHASH128: xxhash128}
}

// one gives the one checksum of a request: None where there is none.
func (v sums) one() (a checksum.Algorithm, value string, err error) {
	for i, s := range v {
		if s == nil {
			continue
		}
		if a != checksum.None {
			return 0, "", invalid("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		}
		a, value = checksum.Algorithm(i), *s
	}
	return a, value, nil
}

// sumFields are the members of an answer that carry a checksum.
type sumFields struct{ CRC32, CRC32C, CRC64NVME, SHA1, SHA256, SHA512, MD5, XXHASH64 *string }

func fieldsOf(a checksum.Algorithm, value string) (f sumFields) {
	v := &value
	switch a {
	case checksum.CRC32:
		f.CRC32 = v
	case checksum.CRC32C:
		f.CRC32C = v
	case checksum.CRC64NVME:
		f.CRC64NVME = v
	case checksum.SHA1:
		f.SHA1 = v
	case checksum.SHA256:
		f.SHA256 = v
	case checksum.SHA512:
		f.SHA512 = v
	case checksum.MD5:
		f.MD5 = v
	case checksum.XXHASH64:
		f.XXHASH64 = v
	}
	return f
}

// algorithm reads the name of an algorithm that can be computed here.
func algorithm(name string) (checksum.Algorithm, error) {
	a, ok := checksum.Parse(name)
	if !ok {
		return 0, invalid("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
	}
	if _, err := checksum.New(a); err != nil {
		return 0, wire.Unsupported("The checksum algorithm " + a.String())
	}
	return a, nil
}

// integrity is what a request promises of its body.
type integrity struct {
	md5     []byte // nil = not said
	algo    checksum.Algorithm
	want    []byte // nil = not said, or said in the trailer
	trailer bool
	also    checksum.Algorithm // computed beside algo, for an upload that names none
}

// announcer is a body with trailing headers; sigv4.Body is one.
type announcer interface {
	Announced() []string
	Trailer() http.Header
}

func promised(contentMD5, algo *string, values sums, body io.Reader, def checksum.Algorithm) (p integrity, err error) {
	if contentMD5 != nil {
		p.md5, err = base64.StdEncoding.DecodeString(*contentMD5)
		if err != nil || len(p.md5) != md5.Size {
			return p, wire.Errorf("InvalidDigest", 400, "The Content-MD5 you specified was invalid.").With("Content-MD5", *contentMD5)
		}
	}
	a, value, err := values.one()
	if err != nil {
		return p, err
	}
	if a != checksum.None {
		if _, err := algorithm(a.String()); err != nil {
			return p, err
		}
		if p.want, err = checksum.Decode(a, value); err != nil {
			return p, invalid("Value for %s header is invalid.", a.Header())
		}
		p.algo = a
		return p, nil
	}
	if t, ok := body.(announcer); ok {
		for _, name := range t.Announced() {
			if a, ok := checksum.FromHeader(name); ok {
				if p.algo, err = algorithm(a.String()); err != nil {
					return p, err
				}
				p.trailer = true
				return p, nil
			}
		}
	}
	if algo != nil && *algo != "" {
		if _, err := algorithm(*algo); err != nil {
			return p, err
		}
	}
	p.algo = def
	return p, nil
}

// received is a body that is durable and was what it promised to be.
type received struct {
	ref blob.Ref
	md5 []byte
	sum []byte
	two []byte // of integrity.also
}

// receive takes a body into a blob. Nothing refers to it yet.
func (s *Service) receive(ctx context.Context, account string, body io.Reader, length *int64, max int64, p integrity) (*received, error) {
	if length != nil && *length > max {
		if t, ok := body.(interface{ DecodedLength() int64 }); !ok || t.DecodedLength() < 0 {
			return nil, tooLarge(*length, max)
		}
	}
	if t, ok := body.(interface{ DecodedLength() int64 }); ok && t.DecodedLength() > max {
		return nil, tooLarge(t.DecodedLength(), max)
	}
	w := s.cfg.Blobs.Create(ctx, account)
	defer w.Abort()
	m := md5.New()
	var h hash.Hash
	if p.algo != checksum.None && p.algo != checksum.MD5 {
		var err error
		if h, err = checksum.New(p.algo); err != nil {
			return nil, err
		}
	}
	var h2 hash.Hash
	if p.also != checksum.None && p.also != p.algo {
		var err error
		if h2, err = checksum.New(p.also); err != nil {
			return nil, err
		}
	}
	if body != nil {
		buf := s.bufs.Get().(*[]byte)
		defer s.bufs.Put(buf)
		for {
			n, err := body.Read(*buf)
			if n > 0 {
				b := (*buf)[:n]
				m.Write(b)
				if h != nil {
					h.Write(b)
				}
				if h2 != nil {
					h2.Write(b)
				}
				if _, werr := w.Write(b); werr != nil {
					return nil, werr
				}
				if w.Size() > max {
					return nil, tooLarge(w.Size(), max)
				}
			}
			if err == io.EOF {
				break
			}
			if _, ours := body.(inner); ours && err != nil {
				return nil, err
			}
			if err != nil {
				return nil, bodyError(err)
			}
		}
	}
	out := &received{md5: m.Sum(nil)}
	if out.sum = out.md5; h != nil {
		out.sum = h.Sum(nil)
	}
	if out.two = out.sum; h2 != nil {
		out.two = h2.Sum(nil)
	}
	if p.trailer {
		t := body.(announcer).Trailer()
		v := t.Get(p.algo.Header())
		var err error
		if p.want, err = checksum.Decode(p.algo, v); err != nil {
			return nil, invalid("Value for %s trailing header is invalid.", p.algo.Header())
		}
	}
	switch {
	case p.md5 != nil && !bytes.Equal(p.md5, out.md5):
		return nil, wire.Errorf("BadDigest", 400, "The Content-MD5 you specified did not match what we received.").
			With("ExpectedDigest", base64.StdEncoding.EncodeToString(p.md5)).With("CalculatedDigest", base64.StdEncoding.EncodeToString(out.md5))
	case p.want != nil && !bytes.Equal(p.want, out.sum):
		return nil, wire.Errorf("BadDigest", 400, "The %s you specified did not match the calculated checksum.", p.algo)
	}
	var err error
	out.ref, err = w.Commit()
	return out, err
}

func checksumType(composite bool) *string {
	if composite {
		return wire.P("COMPOSITE")
	}
	return wire.P("FULL_OBJECT")
}

// shown gives the checksum of an object for an answer.
func (o *object) shown() (sumFields, *string) {
	if o.Algo == 0 {
		return sumFields{}, nil
	}
	return fieldsOf(checksum.Algorithm(o.Algo), o.Sum), checksumType(o.Compose)
}

func (o *object) algorithms() []string {
	if o.Algo == 0 {
		return nil
	}
	return []string{checksum.Algorithm(o.Algo).String()}
}

// encoding is Content-Encoding without what belongs to the transfer.
func encoding(h *string) string {
	if h == nil {
		return ""
	}
	if !strings.Contains(strings.ToLower(*h), "aws-chunked") {
		return *h
	}
	var out []string
	for p := range strings.SplitSeq(*h, ",") {
		if p = strings.TrimSpace(p); p != "" && !strings.EqualFold(p, "aws-chunked") {
			out = append(out, p)
		}
	}
	return strings.Join(out, ",")
}

// checkEncryption refuses the encryption that is not here yet.
func checkEncryption(op string, sse, kmsKey, kmsContext, customer *string) error {
	switch v := wire.V(sse); {
	case customer != nil:
		return wire.Unsupported(op + ": SSECustomerAlgorithm (SSE-C)")
	case v == "aws:kms:dsse" || v == "aws:fsx":
		return wire.Unsupported(op + ": ServerSideEncryption=" + v)
	case kmsContext != nil:
		return wire.Unsupported(op + ": SSEKMSEncryptionContext")
	case v == "aws:kms" && kmsKey != nil && !managedKey(*kmsKey):
		return wire.Unsupported(op + ": SSEKMSKeyId (keys of one's own)")
	case v == "aws:kms":
		return nil
	case v != "" && v != "AES256":
		return wire.Errorf("InvalidEncryptionAlgorithmError", 400, "The Encryption request you specified is not valid. Supported value: AES256.")
	case kmsKey != nil || kmsContext != nil:
		return argument("Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms", "x-amz-server-side-encryption", "")
	}
	return nil
}

// managedKeyAlias is the key that AWS keeps for an account's objects. Here it stands for the account's own data key, with
// which everything is sealed anyway.
const managedKeyAlias = "alias/aws/s3"

func managedKey(id string) bool {
	return id == managedKeyAlias || strings.HasPrefix(id, "arn:aws:kms:") && strings.HasSuffix(id, ":"+managedKeyAlias)
}

// sse names the encryption of an object.
func (h *headers) sse() *string {
	if h.KMS {
		return wire.P("aws:kms")
	}
	return wire.P("AES256")
}

// sseKey names its key.
func (h *headers) sseKey(b *bucket) *string {
	if !h.KMS {
		return nil
	}
	return wire.P("arn:aws:kms:" + b.Region + ":" + b.Account + ":" + managedKeyAlias)
}

// sealedBy chooses an object's encryption: what the request says, else what the bucket does.
func sealedBy(b *bucket, sse *string) bool {
	if wire.V(sse) != "" {
		return *sse == "aws:kms"
	}
	return b.KMS
}

// checkClass takes the storage classes whose objects can be read at once.
func checkClass(op string, class *string) (string, error) {
	switch v := wire.V(class); v {
	case "", "STANDARD":
		return "", nil
	case "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR":
		return v, nil
	case "GLACIER", "DEEP_ARCHIVE":
		return "", wire.Unsupported(op + ": StorageClass=" + v)
	default:
		return "", wire.Errorf("InvalidStorageClass", 400, "The storage class you specified is not valid").With("StorageClassRequested", v)
	}
}
