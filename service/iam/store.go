package iam

import (
	"strings"
	"time"

	"virga/internal/store"
)

// Keys, all below FamilyIAM ‖ 0 ‖ account unless said otherwise. Names are in lower case in keys, for AWS's are unique
// regardless of case.
//
//	"e" ‖ kind ‖ name → entity            kind is "user", "group" or "role"
//	"i" ‖ unique id → ref                 of users, groups and roles
//	"p" ‖ name → managed                  a customer managed policy
//	"v" ‖ name ‖ number → version         its versions
//	"l" ‖ owner's id ‖ policy name → inline
//	"a" ‖ policy ARN ‖ kind ‖ owner's id → nothing     whom a managed policy is attached to
//	"b" ‖ policy ARN ‖ kind ‖ owner's id → nothing     whose boundary it is
//	"n" ‖ policy ARN → usage              how many of both
//	"m" ‖ group's id ‖ user's id → nothing             members
//	"q" → quota
//	"s" → alias of the account
//	system account: "i" ‖ unique id → account          of users and roles, for principals of other accounts
//	system account: "s" ‖ alias → account

const (
	user  = "user"
	group = "group"
	role  = "role"
)

// entity is a user, a group or a role.
type entity struct {
	Kind        string    `rec:"1"`
	Name        string    `rec:"2"`
	ID          string    `rec:"3"`
	Path        string    `rec:"4"`
	Created     time.Time `rec:"5"`
	Tags        []tag     `rec:"6"` // by key
	Attached    []string  `rec:"7"` // ARNs of managed policies
	Boundary    string    `rec:"8"` // ARN, "" for none
	InlineSize  int64     `rec:"9"` // of the inline policies, without white space
	InlineBytes int64     `rec:"10"`
	Inlines     int64     `rec:"11"`

	Description string            `rec:"12"` // of a role
	MaxSession  int32             `rec:"13"` // of a role, seconds
	Trust       string            `rec:"14"` // of a role, as it was given
	Principals  map[string]string `rec:"15"` // of a role's trust: ARN as it was given → unique id, or nobody

	Groups []string `rec:"16"` // of a user: ids
	Keys   []string `rec:"17"` // of a user: access key ids
	// Members is how many users a group has.
	Members int64 `rec:"18"`
	Unknown store.Unknown
}

type tag struct {
	Key   string `rec:"1"`
	Value string `rec:"2"`
}

// ref leads from a unique id to the entity.
type ref struct {
	Kind    string `rec:"1"`
	Name    string `rec:"2"`
	Unknown store.Unknown
}

// managed is a customer managed policy.
type managed struct {
	Name        string    `rec:"1"`
	ID          string    `rec:"2"`
	Path        string    `rec:"3"`
	Description string    `rec:"4"`
	Created     time.Time `rec:"5"`
	Updated     time.Time `rec:"6"`
	Default     uint64    `rec:"7"` // number of the default version
	Last        uint64    `rec:"8"` // newest number ever given
	Versions    int64     `rec:"9"`
	Tags        []tag     `rec:"10"`
	Unknown     store.Unknown
}

// version is one version of a managed policy.
type version struct {
	Number   uint64    `rec:"1"`
	Document string    `rec:"2"`
	Created  time.Time `rec:"3"`
	Unknown  store.Unknown
}

// inline is a policy inside of a user, group or role.
type inline struct {
	Name     string `rec:"1"`
	Document string `rec:"2"`
	Unknown  store.Unknown
}

// usage counts the uses of a managed policy, the account's own or AWS's.
type usage struct {
	Attached int64 `rec:"1"`
	Boundary int64 `rec:"2"`
	Unknown  store.Unknown
}

// quota counts what an account has.
type quota struct {
	Users    int64 `rec:"1"`
	Groups   int64 `rec:"2"`
	Roles    int64 `rec:"3"`
	Policies int64 `rec:"4"`
	Unknown  store.Unknown
}

func key(account, part string) store.Key { return store.K(store.FamilyIAM, 0, account).Str(part) }

func entityKey(account, kind, name string) store.Key {
	return key(account, "e").Str(kind).Str(strings.ToLower(name))
}

func entitiesOf(account, kind string) store.Key { return key(account, "e").Str(kind) }

func idKey(account, id string) store.Key { return key(account, "i").Str(id) }

func everyIDKey(id string) store.Key { return key(store.SystemAccount, "i").Str(id) }

func policyKey(account, name string) store.Key { return key(account, "p").Str(strings.ToLower(name)) }

func policiesOf(account string) store.Key { return key(account, "p") }

func versionsOf(account, policy string) store.Key {
	return key(account, "v").Str(strings.ToLower(policy))
}

func versionKey(account, policy string, n uint64) store.Key {
	return versionsOf(account, policy).Uint(n)
}

func inlinesOf(account, owner string) store.Key { return key(account, "l").Str(owner) }

func inlineKey(account, owner, name string) store.Key { return inlinesOf(account, owner).Str(name) }

func usersOfPolicy(account, part, arn string) store.Key { return key(account, part).Str(arn) }

func usageKey(account, arn string) store.Key { return key(account, "n").Str(arn) }

func membersOf(account, group string) store.Key { return key(account, "m").Str(group) }

func accountAliasKey(account string) store.Key { return key(account, "s") }

func aliasKey(alias string) store.Key { return key(store.SystemAccount, "s").Str(alias) }

func quotaKey(account string) store.Key { return key(account, "q") }

// arn is the ARN of a user, group or role.
func (e *entity) arn(account string) string { return arnOf(account, e.Kind, e.Path, e.Name) }

func arnOf(account, kind, path, name string) string {
	return "arn:aws:iam::" + account + ":" + kind + path + name
}

func (p *managed) arn(account string) string { return arnOf(account, "policy", p.Path, p.Name) }

func loadEntity(r store.Reader, account, kind, name string) (*entity, bool) {
	return store.Load[entity](r, entityKey(account, kind, name))
}

// entityByID finds an entity by its unique id.
func entityByID(r store.Reader, account, id string) (*entity, bool) {
	x, ok := store.Load[ref](r, idKey(account, id))
	if !ok {
		return nil, false
	}
	e, ok := loadEntity(r, account, x.Kind, x.Name)
	if !ok || e.ID != id {
		return nil, false
	}
	return e, true
}

// entityByARN finds a user, group or role by its exact ARN.
func entityByARN(r store.Reader, arn string) (account string, e *entity, ok bool) {
	part := strings.SplitN(arn, ":", 6)
	if len(part) != 6 || part[0] != "arn" || part[2] != "iam" || len(part[4]) != 12 {
		return "", nil, false
	}
	kind, rest, cut := strings.Cut(part[5], "/")
	if !cut || kind != user && kind != group && kind != role {
		return "", nil, false
	}
	e, ok = loadEntity(r, part[4], kind, rest[strings.LastIndexByte(rest, '/')+1:])
	if !ok || e.arn(part[4]) != arn {
		return "", nil, false
	}
	return part[4], e, true
}

// policyByARN finds a customer managed policy by its exact ARN.
func policyByARN(r store.Reader, account, arn string) (*managed, bool) {
	p, ok := store.Load[managed](r, policyKey(account, arn[strings.LastIndexByte(arn, '/')+1:]))
	if !ok || p.arn(account) != arn {
		return nil, false
	}
	return p, true
}
