package eventpattern

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Scope says what an SNS filter policy looks at.
type Scope string

// The scopes of filter policies.
const (
	ScopeMessageAttributes Scope = "MessageAttributes"
	ScopeMessageBody       Scope = "MessageBody"
)

// FilterPolicy is a compiled SNS filter policy.
type FilterPolicy struct {
	scope   Scope
	pattern *Pattern // nil: everything passes
}

// The limits of filter policies (Amazon SNS Developer Guide, "Filter policy constraints").
const (
	PolicyKeysMax         = 5
	PolicyCombinationsMax = 150
	PolicyBytesMax        = 256 << 10
)

// ParseFilterPolicy compiles the text of a filter policy. The error's text is what SNS answers behind "Invalid
// parameter: FilterPolicy: " or "Invalid parameter: Attributes Reason: FilterPolicy: ".
func ParseFilterPolicy(text string, scope Scope, limits Limits) (*FilterPolicy, error) {
	if limits.Bytes <= 0 {
		limits.Bytes = PolicyBytesMax
	}
	if scope == "" {
		scope = ScopeMessageAttributes
	}
	if scope != ScopeMessageAttributes && scope != ScopeMessageBody {
		return nil, fmt.Errorf("FilterPolicyScope: Invalid value [%s]. Please use either MessageBody or MessageAttributes", scope)
	}
	if len(text) > limits.Bytes {
		return nil, &Error{Reason: "Filter policy is too large"}
	}
	if err := wellFormed(text, limits.filled().Depth); err != nil {
		return nil, err
	}
	if strings.Join(strings.Fields(text), "") == "{}" {
		return &FilterPolicy{scope: scope}, nil
	}
	c := &compiler{limits: limits.filled(), sns: true}
	branches, err := c.compile(text)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	combinations := 0
	for _, b := range branches {
		product := 1
		for i := range b.conditions {
			c := &b.conditions[i]
			level := strings.Count(c.path, ".") + 1
			if scope == ScopeMessageAttributes {
				level = 1
			}
			values := len(c.tests)
			if c.absent {
				values++
			}
			names[c.path] = true
			product = min(product*values*level, PolicyCombinationsMax+1)
		}
		combinations += product
	}
	if scope == ScopeMessageAttributes && c.nested {
		return nil, &Error{Reason: "Filter policy scope MessageAttributes does not support nested filter policy"}
	}
	if len(names) > PolicyKeysMax {
		return nil, &Error{Reason: fmt.Sprintf("Filter policy can not have more than %d keys", PolicyKeysMax)}
	}
	if combinations > PolicyCombinationsMax {
		return nil, &Error{Reason: "Filter policy is too complex"}
	}
	return &FilterPolicy{scope: scope, pattern: newPattern(branches)}, nil
}

// wellFormed refuses what is no JSON before anything else is said about it, as SNS does.
func wellFormed(text string, depth int) error {
	l := lexer{src: text, depth: depth}
	for {
		t, err := l.read()
		var refused *Error
		if errors.As(err, &refused) {
			return &Error{Reason: fmt.Sprintf("failed to parse JSON. %s\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: %d, column: %d]",
				refused.Reason, refused.Line, refused.Column)}
		}
		if err != nil {
			return err
		}
		if t == tokEnd || len(l.scopes) == 0 {
			return nil
		}
	}
}

// Scope is what the policy looks at.
func (p *FilterPolicy) Scope() Scope { return p.scope }

// Attribute is a message attribute of SNS.
type Attribute struct {
	Type  string // String, Number, String.Array, Binary, with any custom label behind a point
	Value string
}

// MatchAttributes says whether a message with these attributes passes a policy of scope MessageAttributes.
func (p *FilterPolicy) MatchAttributes(attributes map[string]Attribute) (bool, error) {
	if p.pattern == nil {
		return true, nil
	}
	event := []byte{'{'}
	for name, a := range attributes {
		var value []byte
		switch {
		case a.Type == "String.Array":
			if value = []byte(a.Value); !structured(value) {
				continue
			}
		case a.Type == "Number" || strings.HasPrefix(a.Type, "Number."):
			e := fields{data: []byte(a.Value)}
			if len(a.Value) > 0 && (a.Value[0] == '-' || a.Value[0] >= '0' && a.Value[0] <= '9') && e.scalar() == nil && e.pos == len(a.Value) {
				value = []byte(a.Value)
			}
		case a.Type == "Binary" || strings.HasPrefix(a.Type, "Binary."):
			continue
		}
		if value == nil {
			var err error
			if value, err = json.Marshal(a.Value); err != nil {
				return false, err
			}
		}
		key, err := json.Marshal(name)
		if err != nil {
			return false, err
		}
		if len(event) > 1 {
			event = append(event, ',')
		}
		event = append(append(append(event, key...), ':'), value...)
	}
	return p.pattern.Match(append(event, '}'))
}

// MatchBody says whether a message passes a policy of scope MessageBody; one that is no JSON object does not.
func (p *FilterPolicy) MatchBody(body []byte) (bool, error) {
	if p.pattern == nil {
		return true, nil
	}
	var syntax *SyntaxError
	if !structured(body) {
		return false, nil
	}
	ok, err := p.pattern.Match(body)
	if errors.As(err, &syntax) || errors.Is(err, ErrNotObject) {
		return false, nil
	}
	return ok, err
}
