package execute

import (
	"encoding/json"
	"strings"
)

// PolicyBytesMax is how large a policy may be that an authorizer answers.
const PolicyBytesMax = 8 << 10

// Allows tells whether a policy that a Lambda authorizer answered allows execute-api:Invoke on arn. It reads actions and
// resources; a statement with conditions never allows, and denies if it denies. A document it cannot read is an error.
func Allows(policy []byte, arn string) (bool, error) {
	var doc struct {
		Version   string
		Statement statements
	}
	if len(policy) > PolicyBytesMax {
		return false, errPolicy
	}
	if err := json.Unmarshal(policy, &doc); err != nil {
		return false, err
	}
	if len(doc.Statement) == 0 {
		return false, errPolicy
	}
	allowed := false
	for _, s := range doc.Statement {
		act := any1(s.Action, "execute-api:Invoke", true)
		if s.NotAction != nil {
			act = !any1(s.NotAction, "execute-api:Invoke", true)
		}
		res := any1(s.Resource, arn, false)
		if s.NotResource != nil {
			res = !any1(s.NotResource, arn, false)
		}
		if !act || !res {
			continue
		}
		switch {
		case s.Effect == "Deny":
			return false, nil
		case s.Effect == "Allow":
			allowed = allowed || len(s.Condition) == 0 || string(s.Condition) == "{}" || string(s.Condition) == "null"
		default:
			return false, errPolicy
		}
	}
	return allowed, nil
}

type policyError string

func (e policyError) Error() string { return string(e) }

const errPolicy = policyError("execute: not a policy")

type statement struct {
	Effect              string
	Action, NotAction   oneOrMore
	Resource            oneOrMore
	NotResource         oneOrMore
	Condition           json.RawMessage
	Principal, Sid, Any json.RawMessage
}

type statements []statement

// UnmarshalJSON reads one statement or a list of them.
func (s *statements) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		return json.Unmarshal(b, (*[]statement)(s))
	}
	var one statement
	if err := json.Unmarshal(b, &one); err != nil {
		return err
	}
	*s = statements{one}
	return nil
}

type oneOrMore []string

// UnmarshalJSON reads one string or a list of them.
func (o *oneOrMore) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		return json.Unmarshal(b, (*[]string)(o))
	}
	var one string
	if err := json.Unmarshal(b, &one); err != nil {
		return err
	}
	*o = oneOrMore{one}
	return nil
}

func any1(patterns []string, s string, fold bool) bool {
	for _, p := range patterns {
		if fold {
			if Match(strings.ToLower(p), strings.ToLower(s)) {
				return true
			}
		} else if Match(p, s) {
			return true
		}
	}
	return false
}

// Match tells whether s matches a pattern of '*' and '?'. It is linear in both: only the last star is tried again.
func Match(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
