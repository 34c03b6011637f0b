package s3

import (
	"errors"
	"strconv"

	"virga/internal/auth/sigv4"
	"virga/internal/wire"
)

func noBucket(name string) error {
	return wire.Errorf("NoSuchBucket", 404, "The specified bucket does not exist").With("BucketName", name)
}

func noKey(key string) *wire.Error {
	return wire.Errorf("NoSuchKey", 404, "The specified key does not exist.").With("Key", key)
}

func noVersion(key, id string) *wire.Error {
	return wire.Errorf("NoSuchVersion", 404, "The specified version does not exist.").With("Key", key).With("VersionId", id)
}

func noUpload(id string) error {
	return wire.Errorf("NoSuchUpload", 404, "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.").With("UploadId", id)
}

func argument(message, name, value string) error {
	e := wire.Errorf("InvalidArgument", 400, "%s", message).With("ArgumentName", name)
	if value != "" {
		e.With("ArgumentValue", value)
	}
	return e
}

func badVersion(id string) error {
	return argument("Invalid version id specified", "versionId", id)
}

func invalid(format string, a ...any) error { return wire.Errorf("InvalidRequest", 400, format, a...) }

func malformed() error {
	return wire.Errorf("MalformedXML", 400, "The XML you provided was not well-formed or did not validate against our published schema")
}

func precondition(header string) error {
	return wire.Errorf("PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold").With("Condition", header)
}

func raced(header, key string) error {
	return wire.Errorf("ConditionalRequestConflict", 409, "The conditional request cannot succeed due to a conflicting operation against this resource.").With("Condition", header).With("Key", key)
}

// headerNotImplemented is how S3 refuses a header or a value of one.
func headerNotImplemented(header, more string) error {
	e := wire.Errorf("NotImplemented", 501, "A header you provided implies functionality that is not implemented").With("Header", header)
	if more != "" {
		e.With("additionalMessage", more)
	}
	return e
}

func denied() error { return wire.Errorf("AccessDenied", 403, "Access Denied") }

func tooLarge(proposed, max int64) error {
	return wire.Errorf("EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed size").With("ProposedSize", strconv.FormatInt(proposed, 10)).With("MaxSizeAllowed", strconv.FormatInt(max, 10))
}

// bodyError says in S3's words why a body could not be read.
func bodyError(err error) error {
	var se *sigv4.Error
	switch {
	case wire.Known(err):
		return err
	case errors.As(err, &se):
		c := se.For(sigv4.S3)
		return wire.Errorf(c.Code, c.Status, "%s", c.Message)
	}
	return wire.Errorf("IncompleteBody", 400, "You did not provide the number of bytes specified by the Content-Length HTTP header.")
}
