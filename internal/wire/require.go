package wire

import (
	"maps"
	"slices"
)

// Requirement is one thing a caller must be allowed to do for an operation to go on:
// an IAM action on one resource, with the condition keys that the input brings.
type Requirement struct {
	Action     string // "sqs:SendMessage"
	Resource   string // an ARN, or "*" where the action knows no resource
	Conditions []Condition
	// ResourcePolicy is the policy document attached to the resource itself, "" for none; the service reads it.
	ResourcePolicy string
	// ResourceAccount is the account that owns Resource where the ARN does not say (S3 buckets); "" = the ARN's.
	ResourceAccount string
	// ResourceMustGrant: identity policies alone never suffice (role trust, key policies).
	ResourceMustGrant bool
}

// Condition is one condition key with its values as the request brings them.
type Condition struct {
	Key    string // "s3:prefix", "aws:RequestTag/team"
	Values []string
}

// RequestTags are the condition keys of tags that a call brings: aws:RequestTag/KEY for each and aws:TagKeys, none without tags.
func RequestTags(tags map[string]string) []Condition {
	if len(tags) == 0 {
		return nil
	}
	keys := slices.Sorted(maps.Keys(tags))
	out := make([]Condition, 0, len(keys)+1)
	for _, k := range keys {
		out = append(out, Condition{Key: "aws:RequestTag/" + k, Values: []string{tags[k]}})
	}
	return append(out, Condition{Key: "aws:TagKeys", Values: keys})
}

// Requirements collects what one call requires. An operation that needs no permission says so by Open.
type Requirements struct {
	list []Requirement
	open bool
}

// Need adds a requirement.
func (r *Requirements) Need(action, resource string, conditions ...Condition) *Requirement {
	r.list = append(r.list, Requirement{Action: action, Resource: resource, Conditions: conditions})
	return &r.list[len(r.list)-1]
}

// Open says that any authenticated caller may make this call (sts:GetCallerIdentity).
func (r *Requirements) Open() { r.open = true }

// IsOpen tells whether Open was called and nothing is needed.
func (r *Requirements) IsOpen() bool { return r.open && len(r.list) == 0 }

// All gives the requirements collected so far.
func (r *Requirements) All() []Requirement { return r.list }

// Reset empties r for reuse.
func (r *Requirements) Reset() { r.list, r.open = r.list[:0], false }
