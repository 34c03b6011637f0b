package authority

import (
	"strconv"
	"strings"
	"time"

	"virga/internal/policy"
	"virga/internal/wire"
)

// keys are a call's condition keys, made when a policy asks for one (IAM User Guide, AWS global condition context keys).
// Keys that only a service may set come from the call's own fields, never from what a client sent.
type keys struct {
	call *wire.Call
	req  *wire.Requirement
	who  *policy.Principal
	tags map[string]string // of the user or role
}

// Lookup implements policy.Context.
func (k *keys) Lookup(key string) ([]string, bool) {
	for i := range k.req.Conditions {
		if strings.EqualFold(k.req.Conditions[i].Key, key) {
			return k.req.Conditions[i].Values, true
		}
	}
	low := strings.ToLower(key)
	if !strings.HasPrefix(low, "aws:") {
		return nil, false
	}
	if name, ok := cutFold(key, "aws:PrincipalTag/"); ok {
		return k.principalTag(name)
	}
	c := k.call
	some := func(v string) ([]string, bool) {
		if v == "" {
			return nil, false
		}
		return []string{v}, true
	}
	s := c.Principal.Session
	switch low {
	case "aws:requestedregion":
		return some(c.Region)
	case "aws:sourceip":
		if len(c.Via) > 0 {
			return nil, false // a service calls on, from inside
		}
		return some(c.SourceIP)
	case "aws:useragent":
		return some(c.UserAgent)
	case "aws:securetransport":
		return some(strconv.FormatBool(c.SecureTransport))
	case "aws:currenttime":
		return some(c.Time.UTC().Format(time.RFC3339))
	case "aws:epochtime":
		return some(strconv.FormatInt(c.Time.Unix(), 10))
	case "aws:calledvia":
		return c.Via, len(c.Via) > 0
	case "aws:calledviafirst":
		if len(c.Via) > 0 {
			return some(c.Via[0])
		}
		return nil, false
	case "aws:calledvialast":
		if len(c.Via) > 0 {
			return some(c.Via[len(c.Via)-1])
		}
		return nil, false
	case "aws:viaawsservice":
		return some(strconv.FormatBool(len(c.Via) > 0))
	case "aws:sourcearn":
		if c.Principal.Type != "Service" {
			return nil, false
		}
		return some(c.SourceARN)
	case "aws:sourceaccount":
		if c.Principal.Type != "Service" {
			return nil, false
		}
		return some(c.SourceAccount)
	case "aws:resourceaccount":
		if k.req.ResourceAccount != "" {
			return some(k.req.ResourceAccount)
		}
		if p := strings.SplitN(k.req.Resource, ":", 6); len(p) == 6 {
			return some(p[4])
		}
		return nil, false
	case "aws:sourceidentity":
		if s == nil {
			return nil, false
		}
		return some(s.SourceIdentity)
	case "aws:tokenissuetime":
		if s == nil {
			return nil, false
		}
		return some(s.IssuedAt.UTC().Format(time.RFC3339))
	case "aws:multifactorauthpresent":
		if s == nil {
			return nil, false // long-term keys have no such key
		}
		return some("false")
	}
	return policy.PrincipalKeys(k.who).Lookup(key)
}

func (k *keys) principalTag(name string) ([]string, bool) {
	if s := k.call.Principal.Session; s != nil { // a session's tags go before those of its role
		for n, v := range s.Tags {
			if strings.EqualFold(n, name) {
				return []string{v}, true
			}
		}
	}
	for n, v := range k.tags {
		if strings.EqualFold(n, name) {
			return []string{v}, true
		}
	}
	return nil, false
}

func cutFold(s, prefix string) (string, bool) {
	if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		return s[len(prefix):], true
	}
	return "", false
}
