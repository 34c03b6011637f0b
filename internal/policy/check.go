package policy

import (
	"fmt"
	"strconv"
	"strings"
)

// check applies the rules beyond syntax in the order in which IAM is seen to apply them.
func check(d *Document) *Error {
	fail := func(r Reason, msg string, i int, key, detail string) *Error {
		path := ""
		if i >= 0 {
			path = "Statement[" + strconv.Itoa(i) + "]"
			if key != "" {
				path += "." + key
			}
		}
		return newError(d.Kind, r, msg, path, detail)
	}
	if (d.Kind == Managed || d.Kind == ServiceControl) && d.Version != Version2012 {
		return fail(BadVersion, msgVersion, -1, "", d.Version)
	}
	if err := checkLegacy(d, fail); err != nil {
		return err
	}
	sids := map[string]bool{}
	for i := range d.Statements {
		if s := d.Statements[i].Sid; s != "" {
			if !strict(d.Kind) && !alphanumeric(s) {
				return fail(BadSid, msgSidLetters, i, "Sid", s)
			}
			if sids[s] {
				if strict(d.Kind) {
					return fail(BadSid, "The Statement Ids in the policy are not unique", i, "Sid", s)
				}
				return fail(BadSid, msgSid, i, "Sid", s)
			}
			sids[s] = true
		}
	}
	return checkStatements(d, fail)
}

type failing func(r Reason, msg string, i int, key, detail string) *Error

// checkLegacy is what answers "The policy failed legacy parsing".
func checkLegacy(d *Document, fail failing) *Error {
	for i := range d.Statements {
		s := &d.Statements[i]
		if s.Effect != Allow && s.Effect != Deny {
			if strict(d.Kind) {
				return fail(BadSyntax, "Invalid effect: "+string(s.Effect), i, "Effect", string(s.Effect))
			}
			return fail(BadLegacy, msgLegacy, i, "Effect", string(s.Effect))
		}
		for _, c := range s.Conditions {
			if op, _ := parseOperator(c.Operator); !op.date() {
				continue
			}
			for _, v := range c.Values {
				if !legacyDate(v) {
					return fail(BadLegacy, msgLegacy, i, "Condition."+c.Operator+"."+c.Key, v)
				}
			}
		}
	}
	if strict(d.Kind) {
		return nil
	}
	for i := range d.Statements {
		s := &d.Statements[i]
		for _, r := range both(s.Resources, s.NotResources) {
			if resourceFault(r) != "" { // reported below, after Sid and actions
				return nil
			}
			if r == "*" {
				continue
			}
			part := strings.SplitN(r, ":", 4)
			if strings.Count(r, ":") < 5 && strings.Contains(r, "::") || len(part) > 2 && part[2] == "" {
				return fail(BadLegacy, msgLegacy, i, "Resource", r)
			}
		}
	}
	return nil
}

func checkStatements(d *Document, fail failing) *Error {
	if strict(d.Kind) {
		return checkStrict(d, fail)
	}
	for i := range d.Statements {
		s := &d.Statements[i]
		if len(s.Actions) == 0 && len(s.NotActions) == 0 {
			return fail(BadAction, msgActions, i, "", "")
		}
		if s.Principals != nil || s.NotPrincipals != nil {
			return fail(BadField, msgPrincipal, i, "Principal", "")
		}
	}
	for i := range d.Statements {
		s := &d.Statements[i]
		rs := both(s.Resources, s.NotResources)
		if len(rs) == 0 {
			return fail(BadResource, msgResources, i, "", "")
		}
		for _, r := range rs {
			if f := resourceFault(r); f != "" {
				return fail(BadResource, f, i, "Resource", r)
			}
		}
	}
	for i := range d.Statements {
		s := &d.Statements[i]
		for _, a := range both(s.Actions, s.NotActions) {
			if f := actionFault(d.Kind, a); f != "" {
				return fail(BadAction, f, i, "Action", a)
			}
		}
	}
	return nil
}

// checkStrict checks trust and resource policies, statement by statement.
func checkStrict(d *Document, fail failing) *Error {
	for i := range d.Statements {
		s := &d.Statements[i]
		if err := checkPrincipals(d.Kind, s, i, fail); err != nil {
			return err
		}
		actions := both(s.Actions, s.NotActions)
		if len(actions) == 0 {
			return fail(BadAction, "Missing required field Action", i, "", "")
		}
		for _, a := range actions {
			if f := actionFault(d.Kind, a); f != "" {
				return fail(BadAction, f, i, "Action", a)
			}
		}
		rs := both(s.Resources, s.NotResources)
		switch {
		case d.Kind == Trust && s.Resources != nil:
			return fail(BadField, "Has prohibited field Resource", i, "Resource", "")
		case d.Kind == Trust && s.NotResources != nil:
			return fail(BadField, "AssumeRole policy must not contain resources.", i, "NotResource", "")
		case d.Kind == Resource && len(rs) == 0:
			return fail(BadResource, "Missing required field Resource", i, "", "")
		}
		for _, r := range rs {
			if r != "*" && !strings.HasPrefix(r, "arn:") && !strings.HasPrefix(r, "execute-api:/") { // API Gateway completes those
				return fail(BadResource, "Policy has invalid resource", i, "Resource", r)
			}
		}
	}
	return nil
}

func alphanumeric(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

func both(a, b []string) []string { return append(a[:len(a):len(a)], b...) }

// actionFault gives AWS's words for a wrong action, "" for a right one.
func actionFault(k Kind, a string) string {
	vendor, name, ok := strings.Cut(a, ":")
	if k == Trust {
		if strings.EqualFold(vendor, "sts") && ok && name != "" {
			return ""
		}
		return msgTrust
	}
	switch {
	case a == "*":
	case !ok:
		return "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
	case strings.Contains(name, ":"):
		return "Actions/Condition can contain only one colon."
	case vendor == "" || !plainVendor(vendor) && (!strict(k) || strings.Trim(vendor, "*?") != "" && !plainVendor(strings.Map(dropWild, vendor))):
		return "Vendor " + vendor + " is not valid"
	}
	return ""
}

func dropWild(r rune) rune {
	if r == '*' || r == '?' {
		return -1
	}
	return r
}

func plainVendor(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

// iamPaths are what the resource part of an IAM ARN may begin with.
const iamPaths = "user/, federated-user/, role/, group/, instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, access-report/"

// resourceFault gives AWS's words for a wrong resource, "" for a right one.
func resourceFault(r string) string {
	if r == "*" {
		return ""
	}
	_, rest, ok := strings.Cut(r, ":")
	if !ok {
		return `Resource ` + r + ` must be in ARN format or "*".`
	}
	partition, rest, more := strings.Cut(rest, ":")
	if !knownPartition(partition) {
		parts := strings.SplitN(rest, ":", 4)
		if !more {
			parts = nil
		}
		full := "arn:" + partition
		for i := range 4 {
			if i < len(parts) && (parts[i] != "" || i > 0 || len(parts) > 1) {
				full += ":" + parts[i]
			} else {
				full += ":*"
			}
		}
		return fmt.Sprintf(`Partition "%s" is not valid for resource "%s".`, partition, full)
	}
	if !more {
		return "Resource vendor must be fully qualified and cannot contain regexes."
	}
	part := strings.SplitN(rest, ":", 4)
	if strings.ContainsAny(part[0], "*?") {
		return "Resource vendor must be fully qualified and cannot contain regexes."
	}
	if len(part) < 4 {
		return ""
	}
	service, region, id := part[0], part[1], part[3]
	switch service {
	case "iam":
		if region != "" {
			return "IAM resource " + r + " cannot contain region information."
		}
		if id == "root" || id == "*" || strings.HasPrefix(id, "role-template/") || strings.HasPrefix(id, "$") {
			return ""
		}
		for p := range strings.SplitSeq(iamPaths, ", ") {
			if strings.HasPrefix(id, p) {
				return ""
			}
		}
		if i := strings.IndexAny(id, "*?"); i >= 0 && !strings.Contains(id[:i], "/") {
			return "" // a wildcard in the kind
		}
		return `IAM resource path must either be "*" or start with ` + iamPaths + "."
	case "s3":
		if region != "" && !strings.HasPrefix(id, "accesspoint/") && !strings.ContainsAny(region, "*$") {
			return "Resource " + r + " can not contain region information."
		}
	}
	return ""
}

func knownPartition(s string) bool {
	switch s {
	case "*", "aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc":
		return true
	}
	return strings.HasPrefix(s, "aws") && strings.ContainsAny(s, "*?") || strings.HasPrefix(s, "${")
}
