package front

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"

	"virga/internal/checksum"
	"virga/internal/wire"
)

// checkBody holds an S3 body that was read whole to what its headers promise of it: Content-MD5 and x-amz-checksum-*.
// Bodies that are streams are the service's.
func checkBody(op *wire.Op, in *wire.Request) error {
	said := false
	if h := in.Header["Content-Md5"]; len(h) > 0 {
		said = true
		want, err := base64.StdEncoding.DecodeString(h[0])
		if err != nil || len(want) != md5.Size {
			return wire.Errorf("InvalidDigest", 400, "The Content-MD5 you specified was invalid.").With("Content-MD5", h[0])
		}
		if got := md5.Sum(in.Body); !bytes.Equal(got[:], want) {
			return wire.Errorf("BadDigest", 400, "The Content-MD5 you specified did not match what we received.").
				With("ExpectedDigest", h[0]).With("CalculatedDigest", base64.StdEncoding.EncodeToString(got[:]))
		}
	}
	for k, v := range in.Header {
		a, ok := checksum.FromHeader(k)
		if !ok || len(v) == 0 || op.Name == "CompleteMultipartUpload" { // there it is the object's
			continue
		}
		said = true
		want, err := checksum.Decode(a, v[0])
		if err != nil {
			return wire.Errorf("InvalidRequest", 400, "Value for %s header is invalid.", a.Header())
		}
		h, err := checksum.New(a)
		if err != nil {
			return wire.Unsupported("The checksum algorithm " + a.String())
		}
		if h.Write(in.Body); !bytes.Equal(h.Sum(nil), want) {
			return wire.Errorf("BadDigest", 400, "The %s you specified did not match the calculated checksum.", a)
		}
	}
	if !said && op.Name == "DeleteObjects" {
		return wire.Errorf("InvalidRequest", 400, "Missing required header for this request: Content-MD5 OR x-amz-checksum-*")
	}
	return nil
}
