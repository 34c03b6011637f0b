package policy

import "strings"

// Context gives the values of a request's condition keys. Names come in lower case and are compared without regard to
// case by the implementation's own choice of keeping them so. Lookup must not change what it gave before.
type Context interface {
	// Lookup gives the values of a key, false where the request does not have it.
	Lookup(key string) ([]string, bool)
}

// Key is one condition key of a request.
type Key struct {
	Name   string // in any case
	Values []string
}

// Keys is a Context of a list; of two keys with one name the first counts.
type Keys []Key

// Lookup implements Context.
func (k Keys) Lookup(key string) ([]string, bool) {
	for i := range k {
		if len(k[i].Name) == len(key) && strings.EqualFold(k[i].Name, key) {
			return k[i].Values, true
		}
	}
	return nil, false
}

// Chain is a Context that asks each in turn.
type Chain []Context

// Lookup implements Context.
func (c Chain) Lookup(key string) ([]string, bool) {
	for _, x := range c {
		if v, ok := x.Lookup(key); ok {
			return v, true
		}
	}
	return nil, false
}

func lookup(c Context, key string) ([]string, bool) {
	if c == nil {
		return nil, false
	}
	return c.Lookup(key)
}

// PrincipalKeys gives the keys that follow from who calls (IAM User Guide, "AWS global condition context keys",
// properties of the principal). Tags, organisation and session properties are the caller's to add.
func PrincipalKeys(p *Principal) Keys {
	var k Keys
	add := func(name, v string) {
		if v != "" {
			k = append(k, Key{name, []string{v}})
		}
	}
	isService := "false"
	switch p.Type {
	case Anonymous:
		return Keys{{"aws:PrincipalType", []string{"Anonymous"}}}
	case Service:
		isService = "true"
		add("aws:PrincipalServiceName", p.Service)
		if p.Service != "" {
			k = append(k, Key{"aws:PrincipalServiceNamesList", []string{p.Service}})
		}
	case Root:
		add("aws:PrincipalType", "Account")
	case User:
		add("aws:PrincipalType", "User")
		if i := strings.LastIndexByte(p.ARN, '/'); i >= 0 {
			add("aws:username", p.ARN[i+1:])
		}
	case AssumedRole:
		add("aws:PrincipalType", "AssumedRole")
	case FederatedUser:
		add("aws:PrincipalType", "FederatedUser")
	case Federated:
		add("aws:PrincipalType", "WebIdentityUser")
		add("aws:FederatedProvider", p.Federated)
	}
	add("aws:PrincipalIsAWSService", isService)
	if p.Type != Service {
		arn := p.ARN
		if p.Type == AssumedRole && p.Issuer != "" {
			arn = p.Issuer
		}
		add("aws:PrincipalArn", arn)
		add("aws:PrincipalAccount", p.Account)
		add("aws:userid", p.ID)
	}
	return k
}
