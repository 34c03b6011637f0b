package sigv4

import "net/http"

// Kind says what is wrong with a signature, in words that no protocol owns. [CodeFor] gives a protocol's spelling.
type Kind uint8

// The kinds. The zero value is none of them.
const (
	_ Kind = iota
	MissingAuthenticationToken
	IncompleteSignature
	UnsupportedAlgorithm   // Version 4A, Version 2 where it is not taken, anything unknown
	MultipleMechanisms     // two forms at once, or one part given twice
	AuthorizationMalformed // scope of another date, region or service, in the header (S3: AuthorizationHeaderMalformed)
	QueryParametersInvalid // the same in the query (S3: AuthorizationQueryParametersError)
	InvalidClientTokenID   // unknown key id; given by the caller
	InvalidToken           // session token that nobody issued, or of another key; given by the caller
	ExpiredToken           // session over; given by the caller
	SignatureDoesNotMatch  // also: host not signed, listed header absent
	HeadersNotSigned       // an x-amz-* header outside SignedHeaders
	RequestTimeTooSkewed   // more than 15 minutes away
	RequestExpired         // presigned, past its time (S3: AccessDenied)
	AccessDenied           // form policy expired, V2 parameters incomplete
	InvalidURI             // escapes that cannot be read
	MissingContentHash     // S3 without x-amz-content-sha256
	InvalidContentHash     // x-amz-content-sha256 of an unknown shape
	ContentHashMismatch    // the body is another one
	MissingContentLength   // chunked without x-amz-decoded-content-length
	IncompleteBody         // shorter or longer than announced, or not chunked as announced
	InvalidChunkSize       // signed chunk above the bound, or a small one that is not the last
	MalformedTrailer       // trailing headers missing, undeclared, too many
	ChunkSignatureMismatch // S3: SignatureDoesNotMatch
	InvalidPolicyDocument  // form policy that cannot be read
	kindEnd
)

// Family is a group of protocols that spell errors alike.
type Family uint8

// The families.
const (
	JSON     Family = iota // json 1.0, json 1.1, cbor
	RESTJSON               // Lambda, API Gateway …: JSON's codes with status 403
	Query                  // query, ec2, and rest-xml except S3
	S3
	familyEnd
)

// Code is an error as a protocol spells it.
type Code struct {
	Code    string
	Status  int    // HTTP status
	Message string // AWS's sentence; "" = the error's own
}

// Error is a refusal.
type Error struct {
	Kind    Kind
	Message string // as AWS's JSON and query services say it
	S3      string // as Amazon S3 says it, "" = the table's sentence, else Message
	Region  string // the region wanted, where the scope named another (S3 answers it as an element)

	// What the server computed, for the answer of SignatureDoesNotMatch. Made of the request alone.
	CanonicalRequest, StringToSign, SignatureProvided, KeyID string
}

// Error gives code and message as a query service says them.
func (e *Error) Error() string { c := e.For(Query); return c.Code + ": " + c.Message }

// For gives the error as family f spells it, message filled in.
func (e *Error) For(f Family) Code {
	c := CodeFor(e.Kind, f)
	switch {
	case f == S3 && e.S3 != "":
		c.Message = e.S3
	case c.Message == "":
		c.Message = e.Message
	}
	return c
}

// CodeFor gives the code, status and usual sentence of a kind in a family. An unknown kind or family is refused access.
func CodeFor(k Kind, f Family) Code {
	const (
		badToken = "The security token included in the request is invalid."
		noMatch  = "The request signature we calculated does not match the signature you provided. Check your key and signing method."
	)
	if k == 0 || k >= kindEnd || f >= familyEnd {
		return Code{"AccessDenied", http.StatusForbidden, "Access Denied"}
	}
	if f == S3 {
		return s3Code(k, noMatch)
	}
	c := Code{Status: http.StatusForbidden}
	switch k {
	case MissingAuthenticationToken:
		c.Code, c.Message = "MissingAuthenticationToken", "Request is missing Authentication Token"
		if f != Query {
			c.Message = "Missing Authentication Token"
		}
	case InvalidClientTokenID, InvalidToken:
		c.Code, c.Message = "InvalidClientTokenId", badToken
		if f != Query {
			return Code{"UnrecognizedClientException", statusOf(f), badToken}
		}
	case ExpiredToken:
		c.Code, c.Message = "ExpiredToken", "The security token included in the request is expired"
	case IncompleteSignature, UnsupportedAlgorithm, MultipleMechanisms, QueryParametersInvalid, InvalidURI,
		MissingContentLength, IncompleteBody, InvalidChunkSize, MalformedTrailer, MissingContentHash, InvalidPolicyDocument:
		c.Code = "IncompleteSignature"
		if f == Query || k == MultipleMechanisms {
			c.Status = http.StatusBadRequest
		}
		if f != Query {
			c.Code += "Exception"
		}
		if f == JSON {
			c.Status = http.StatusBadRequest
		}
		return c
	case AccessDenied:
		if f != Query {
			return Code{"AccessDeniedException", statusOf(f), ""}
		}
		c.Code = "AccessDenied"
	default: // all that means: this signature is not good for this request at this time
		if f != Query {
			return Code{"InvalidSignatureException", statusOf(f), ""}
		}
		c.Code = "SignatureDoesNotMatch"
	}
	if f != Query {
		c.Code += "Exception"
		c.Status = statusOf(f)
	}
	return c
}

func statusOf(f Family) int {
	if f == JSON {
		return http.StatusBadRequest
	}
	return http.StatusForbidden
}

func s3Code(k Kind, noMatch string) Code {
	const bad, no = http.StatusBadRequest, http.StatusForbidden
	switch k {
	case MissingAuthenticationToken:
		return Code{"AccessDenied", no, "Access Denied"}
	case IncompleteSignature, AuthorizationMalformed:
		return Code{"AuthorizationHeaderMalformed", bad, ""}
	case UnsupportedAlgorithm:
		return Code{"InvalidRequest", bad, ""}
	case MultipleMechanisms:
		return Code{"InvalidArgument", bad, ""}
	case QueryParametersInvalid:
		return Code{"AuthorizationQueryParametersError", bad, ""}
	case InvalidClientTokenID:
		return Code{"InvalidAccessKeyId", no, "The AWS Access Key Id you provided does not exist in our records."}
	case InvalidToken:
		return Code{"InvalidToken", bad, "The provided token is malformed or otherwise invalid."}
	case ExpiredToken:
		return Code{"ExpiredToken", bad, "The provided token has expired."}
	case SignatureDoesNotMatch, ChunkSignatureMismatch:
		return Code{"SignatureDoesNotMatch", no, noMatch}
	case HeadersNotSigned:
		return Code{"AccessDenied", no, "There were headers present in the request which were not signed"}
	case RequestTimeTooSkewed:
		return Code{"RequestTimeTooSkewed", no, "The difference between the request time and the current time is too large."}
	case RequestExpired:
		return Code{"AccessDenied", no, "Request has expired"}
	case InvalidURI:
		return Code{"InvalidURI", bad, "Couldn't parse the specified URI."}
	case MissingContentHash:
		return Code{"InvalidRequest", bad, "Missing required header for this request: x-amz-content-sha256"}
	case InvalidContentHash:
		return Code{"InvalidArgument", bad, ""}
	case ContentHashMismatch:
		return Code{"XAmzContentSHA256Mismatch", bad, "The provided 'x-amz-content-sha256' header does not match what was computed."}
	case MissingContentLength:
		return Code{"MissingContentLength", http.StatusLengthRequired, "You must provide the Content-Length HTTP header."}
	case IncompleteBody:
		return Code{"IncompleteBody", bad, ""}
	case InvalidChunkSize:
		return Code{"InvalidChunkSizeError", no, ""}
	case MalformedTrailer:
		return Code{"MalformedTrailerError", bad, "The request contained trailing data that was not well-formed or did not conform to our published schema."}
	case InvalidPolicyDocument:
		return Code{"InvalidPolicyDocument", bad, ""}
	default:
		return Code{"AccessDenied", no, ""}
	}
}

func fail(k Kind, general, s3 string) *Error { return &Error{Kind: k, Message: general, S3: s3} }
