package policy

import (
	"slices"
	"strings"
)

// checkPrincipals checks that a statement of a trust or resource policy has principals, in a form that can name somebody.
func checkPrincipals(k Kind, s *Statement, i int, fail failing) *Error {
	if k == Trust && s.NotPrincipals != nil {
		if s.Effect == Allow {
			return fail(BadField, "Allow with NotPrincipal is not allowed.", i, "NotPrincipal", "")
		}
		return fail(BadField, "AssumeRole policy must not contain NotPrincipal field.", i, "NotPrincipal", "")
	}
	if s.Principals == nil && s.NotPrincipals == nil {
		return fail(BadPrincipal, "Missing required field Principal", i, "", "")
	}
	p, key := s.Principals, "Principal"
	if p == nil {
		p, key = s.NotPrincipals, "NotPrincipal"
	}
	if !p.Any && len(p.AWS)+len(p.Service)+len(p.Federated)+len(p.Canonical) == 0 {
		return fail(BadPrincipal, "Missing required field Principal cannot be empty!", i, key, "")
	}
	if k == Trust && len(s.Conditions) == 0 && slices.Contains(p.Federated, "cognito-identity.amazonaws.com") {
		return fail(BadField, "A condition block must be present for the Cognito provider", i, "", "")
	}
	for _, g := range [...]struct {
		name string
		l    []string
		ok   func(string) bool
	}{
		{"AWS", p.AWS, awsPrincipal}, {"SERVICE", p.Service, servicePrincipal},
		{"FEDERATED", p.Federated, func(v string) bool { return v != "" }}, {"CANONICALUSER", p.Canonical, func(v string) bool { return v != "" }},
	} {
		for _, v := range g.l {
			if !g.ok(v) {
				return fail(BadPrincipal, `Invalid principal in policy: "`+g.name+`":"`+v+`"`, i, key, v)
			}
		}
	}
	return nil
}

func digits12(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

// uniqueID tells whether s looks like the unique id of a user or role.
func uniqueID(s string) bool {
	if len(s) < 16 || len(s) > 128 || !strings.HasPrefix(s, "AIDA") && !strings.HasPrefix(s, "AROA") {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// awsPrincipal tells whether an AWS principal can name somebody: "*", an account, a user, role, session or unique id.
// Wildcards inside an ARN name nobody.
func awsPrincipal(v string) bool {
	if v == "*" || digits12(v) || uniqueID(v) {
		return true
	}
	part := strings.SplitN(v, ":", 6)
	if len(part) != 6 || part[0] != "arn" || !strings.HasPrefix(part[1], "aws") || !digits12(part[4]) || strings.ContainsAny(v, "*?") || part[3] != "" {
		return false
	}
	switch part[2] {
	case "iam":
		return part[5] == "root" || strings.HasPrefix(part[5], "user/") || strings.HasPrefix(part[5], "role/")
	case "sts":
		return strings.HasPrefix(part[5], "assumed-role/") || strings.HasPrefix(part[5], "federated-user/") || part[5] == "self"
	}
	return false
}

func servicePrincipal(v string) bool {
	return v != "" && (strings.HasSuffix(v, ".amazonaws.com") || strings.HasSuffix(v, ".amazonaws.com.cn") || strings.HasSuffix(v, ".amazon.com") || strings.HasSuffix(v, ".aws.internal"))
}
