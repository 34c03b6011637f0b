package policy

import "strings"

// PrincipalType says what kind of caller makes a request.
type PrincipalType uint8

// The kinds of callers.
const (
	Anonymous PrincipalType = iota
	Root
	User
	AssumedRole
	FederatedUser // session of GetFederationToken
	Service       // an AWS service in its own name
	Federated     // an identity of a provider that has no credentials yet: AssumeRoleWithWebIdentity and WithSAML
)

// Principal is who makes a request.
type Principal struct {
	Type      PrincipalType
	ARN       string // of a session the session's: arn:aws:sts::123456789012:assumed-role/name/session
	Issuer    string // of a session: ARN of its role (with path) or user
	ID        string // unique id: AIDA…, AROA…:session, the account id for root
	Account   string
	Service   string // sns.amazonaws.com
	Federated string // cognito-identity.amazonaws.com, or the ARN of an OIDC or SAML provider
	Canonical string // canonical user id of the account
	// ServiceLinked: the role belongs to a service; service control policies do not concern it.
	ServiceLinked bool
}

// grade is how closely a policy names a caller; it decides what limits the grant.
type grade uint8

const (
	notNamed     grade = iota
	namedAccount       // the account: its own identity policies must allow as well
	namedEntity        // the user or the role
	namedSession       // the session itself
)

type named struct {
	kind  namedKind
	value string
}

type namedKind uint8

const (
	everyone namedKind = iota
	accountID
	identityARN
	identityID
	service
	federated
	canonical
	nobody
)

func compilePrincipals(p *Principals) []named {
	if p.Any {
		return []named{{kind: everyone}}
	}
	l := []named{}
	for _, v := range p.AWS {
		switch {
		case v == "*":
			l = append(l, named{kind: everyone})
		case digits12(v):
			l = append(l, named{accountID, v})
		case uniqueID(v):
			l = append(l, named{identityID, v})
		case strings.HasSuffix(v, ":root"):
			if part := strings.SplitN(v, ":", 6); len(part) == 6 && part[2] == "iam" && part[5] == "root" {
				l = append(l, named{accountID, part[4]})
				continue
			}
			l = append(l, named{kind: nobody})
		default:
			l = append(l, named{identityARN, v})
		}
	}
	for _, v := range p.Service {
		l = append(l, named{service, v})
	}
	for _, v := range p.Federated {
		l = append(l, named{federated, v})
	}
	for _, v := range p.Canonical {
		l = append(l, named{canonical, v})
	}
	return l
}

// entityID is the unique id of the user or role: what stands before the session's name.
func (p *Principal) entityID() string {
	id, _, _ := strings.Cut(p.ID, ":")
	return id
}

// namedIn gives the closest way in which one of l names p.
func (p *Principal) namedIn(l []named) (g grade) {
	for i := range l {
		g = max(g, p.namedBy(&l[i]))
	}
	return g
}

func (p *Principal) namedBy(n *named) grade {
	switch n.kind {
	case everyone:
		if p.Type == Root {
			return namedSession
		}
		return namedEntity
	case accountID:
		if p.isIdentity() && p.Account == n.value {
			if p.Type == Root {
				return namedSession
			}
			return namedAccount
		}
	case canonical:
		if p.isIdentity() && p.Canonical == n.value && n.value != "" {
			if p.Type == Root {
				return namedSession
			}
			return namedAccount
		}
	case identityARN:
		switch {
		case !p.isIdentity() || n.value == "":
		case p.ARN == n.value:
			if p.Type == User {
				return namedEntity
			}
			return namedSession
		case p.Issuer == n.value:
			return namedEntity
		}
	case identityID:
		if p.isIdentity() && n.value != "" && p.entityID() == n.value {
			return namedEntity
		}
	case service:
		if p.Type == Service && p.Service == n.value && n.value != "" {
			return namedSession
		}
	case federated:
		if (p.Type == Federated || p.Type == AssumedRole) && p.Federated == n.value && n.value != "" {
			return namedSession
		}
	}
	return notNamed
}

// isIdentity tells whether p belongs to an account.
func (p *Principal) isIdentity() bool {
	return p.Type == Root || p.Type == User || p.Type == AssumedRole || p.Type == FederatedUser
}

// spared tells whether a NotPrincipal of a Deny leaves p alone: account, entity and session must all be named.
func (p *Principal) spared(l []named) bool {
	var acct, entity, session bool
	for i := range l {
		n := &l[i]
		g := p.namedBy(n)
		switch {
		case g == notNamed:
		case n.kind == everyone || n.kind == service || n.kind == federated:
			return true
		case n.kind == accountID || n.kind == canonical:
			acct = true
		case n.kind == identityARN && g == namedSession:
			session = true
		default:
			entity = true
		}
	}
	switch p.Type {
	case Root:
		return acct
	case User:
		return acct && entity
	case AssumedRole, FederatedUser:
		return acct && entity && session
	}
	return false
}
