package iam

import (
	"strings"

	iamapi "virga/api/iam"
	"virga/internal/store"
)

// A trust policy keeps the users and roles that it names by their unique ids (IAM User Guide, AWS JSON policy elements:
// Principal): one that was deleted and made again under its name is another one. The document stays as it was given;
// beside it stands which id each ARN meant.

// nobody stands for a user or role of an account that is not in this cloud: it cannot be looked up, and an account that
// comes later must not get what was meant for somebody else.
const nobody = "AIDA00000000000000000"

// isHere tells whether an account has ever had users, groups, roles or policies.
func isHere(r store.Reader, account string) bool {
	_, ok := r.Get(quotaKey(account))
	return ok
}

func badPrincipal(p string) error {
	return &iamapi.MalformedPolicyDocumentException{Message: `Invalid principal in policy: "AWS":"` + p + `"`}
}

// resolveTrust finds the users and roles that a trust policy names, and refuses those that do not exist.
func resolveTrust(r store.Reader, own, doc string) (map[string]string, error) {
	out := map[string]string{}
	places, _ := scan(doc)
	for _, p := range places {
		v := p.text
		if _, ok := out[v]; ok {
			continue
		}
		part := strings.SplitN(v, ":", 6)
		switch {
		case len(part) != 6:
			if strings.HasPrefix(v, "AIDA") || strings.HasPrefix(v, "AROA") {
				if _, ok := r.Get(everyIDKey(v)); !ok {
					return nil, badPrincipal(v)
				}
			}
		case len(part[4]) == 12 && part[5] != "root" && part[4] != own && !isHere(r, part[4]):
			out[v] = nobody
		case part[2] == "iam" && part[5] != "root":
			_, e, ok := entityByARN(r, v)
			if !ok || e.Kind == group {
				return nil, badPrincipal(v)
			}
			out[v] = e.ID
		case part[2] == "sts" && strings.HasPrefix(part[5], "assumed-role/"):
			name, _, ok := strings.Cut(strings.TrimPrefix(part[5], "assumed-role/"), "/")
			if len(part[4]) != 12 || !ok {
				return nil, badPrincipal(v)
			}
			if _, ok := loadEntity(r, part[4], role, name); !ok {
				return nil, badPrincipal(v)
			}
		}
	}
	return out, nil
}

// shownTrust is a role's trust policy as answers show it: a user or role by its present ARN, one that is gone by its id.
func shownTrust(r store.Reader, e *entity) string {
	changed := map[string]string{}
	for arn, id := range e.Principals {
		if id == nobody {
			continue
		}
		now := id
		if account, ok := r.Get(everyIDKey(id)); ok {
			if x, ok := entityByID(r, string(account), id); ok {
				now = x.arn(string(account))
			}
		}
		if now != arn {
			changed[arn] = now
		}
	}
	if len(changed) == 0 {
		return e.Trust
	}
	return rewrite(e.Trust, func(p string) string {
		if n, ok := changed[p]; ok {
			return n
		}
		return p
	})
}

// decidedTrust is a role's trust policy as decisions are made by it: users and roles by their ids.
func decidedTrust(e *entity) string {
	if len(e.Principals) == 0 {
		return e.Trust
	}
	return rewrite(e.Trust, func(p string) string {
		if id, ok := e.Principals[p]; ok {
			return id
		}
		return p
	})
}
