package arn

import (
	"fmt"
	"strings"
)

// MaxBytes is the longest ARN read.
const MaxBytes = 2048

// AccountID is an account's twelve digits.
type AccountID string

// ParseAccountID checks that s is twelve digits.
func ParseAccountID(s string) (AccountID, error) {
	if !isAccount(s) {
		return "", fmt.Errorf("account id %q: must be 12 digits", clip(s))
	}
	return AccountID(s), nil
}

func isAccount(s string) bool {
	if len(s) != 12 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// ARN is arn:partition:service:region:account:resource in its parts. The zero value is no ARN.
type ARN struct {
	Partition string    // "aws", "aws-cn", "aws-us-gov" …
	Service   string    // "sqs"
	Region    string    // "" for global services and S3
	Account   AccountID // "" for S3; "aws" for AWS's managed policies
	Resource  string    // the rest, colons and slashes included
}

// Parse reads an ARN. Every part is checked for its shape; Resource must not be empty.
func Parse(s string) (ARN, error) {
	bad := func(why string) (ARN, error) { return ARN{}, fmt.Errorf("arn %q: %s", clip(s), why) }
	if len(s) > MaxBytes {
		return bad("longer than 2048 bytes")
	}
	rest, ok := strings.CutPrefix(s, "arn:")
	if !ok {
		return bad("must begin with arn:")
	}
	var part [4]string
	for i := range part {
		if part[i], rest, ok = strings.Cut(rest, ":"); !ok {
			return bad("must have six parts")
		}
	}
	a := ARN{part[0], part[1], part[2], AccountID(part[3]), rest}
	switch {
	case !strings.HasPrefix(a.Partition, "aws") || !word(a.Partition):
		return bad("unknown partition")
	case a.Service == "" || !word(a.Service):
		return bad("no service")
	case !word(a.Region):
		return bad("region of another shape")
	case a.Account != "" && a.Account != "aws" && !isAccount(string(a.Account)):
		return bad("account must be 12 digits")
	case a.Resource == "":
		return bad("no resource")
	}
	for i := range len(a.Resource) {
		if c := a.Resource[i]; c < ' ' || c == 0x7f {
			return bad("control character in the resource")
		}
	}
	return a, nil
}

// word tells whether s has nothing but lower-case letters, digits, hyphens and dots.
func word(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return len(s) <= 64
}

func clip(s string) string {
	if len(s) > 200 {
		s = s[:200]
	}
	return strings.ToValidUTF8(s, "?")
}

// Is tells whether s begins like an ARN; the rest may still be wrong.
func Is(s string) bool { return strings.HasPrefix(s, "arn:") }

// New makes an ARN of the partition aws.
func New(service, region string, account AccountID, resource string) ARN {
	return ARN{"aws", service, region, account, resource}
}

// String writes the ARN.
func (a ARN) String() string {
	return "arn:" + a.Partition + ":" + a.Service + ":" + a.Region + ":" + string(a.Account) + ":" + a.Resource
}

// IsZero tells whether a is the zero value.
func (a ARN) IsZero() bool { return a == ARN{} }

// Split gives a resource's type and the rest: "function:f:1" is function and "f:1", "role/path/r" is role and "path/r".
// A resource without a separator has no type: an SQS queue, an SNS topic, an S3 bucket.
func (a ARN) Split() (kind, id string) {
	if i := strings.IndexAny(a.Resource, ":/"); i >= 0 {
		return a.Resource[:i], a.Resource[i+1:]
	}
	return "", a.Resource
}

// MarshalText implements encoding.TextMarshaler.
func (a ARN) MarshalText() ([]byte, error) {
	if a.IsZero() {
		return nil, nil
	}
	return []byte(a.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler; nothing is the zero value.
func (a *ARN) UnmarshalText(b []byte) (err error) {
	if len(b) == 0 {
		*a = ARN{}
		return nil
	}
	*a, err = Parse(string(b))
	return err
}
