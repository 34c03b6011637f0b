package ssm

import (
	"sort"
	"strings"
	"time"

	"virga/internal/wire"
)

// Public parameters (AWS Systems Manager User Guide, Calling public parameters): they belong to nobody, are read-only,
// and are made of the facts in public_gen.go when they are asked for.
const (
	publicPrefix = "/aws/service/"
	publicRoot   = publicPrefix + "global-infrastructure/"
)

func isPublic(name string) bool { return strings.HasPrefix(name, publicPrefix) }

// public gives a public parameter, nil where there is none.
func public(name string) *parameter {
	value, ok := publicValue(name)
	if !ok {
		return nil
	}
	at := time.Unix(publicSince, 0).UTC()
	return &parameter{Name: name, Version: 1, Oldest: 1, Created: at, Now: version{Number: 1, Type: "String", Value: value, Tier: "Standard", DataType: "text", At: at, By: "AWS"}}
}

func region(name string) int {
	i := sort.Search(len(publicRegions), func(i int) bool { return publicRegions[i].name >= name })
	if i < len(publicRegions) && publicRegions[i].name == name {
		return i
	}
	return -1
}

func service(name string) int {
	i := sort.Search(len(publicServices), func(i int) bool { return publicServices[i].name >= name })
	if i < len(publicServices) && publicServices[i].name == name {
		return i
	}
	return -1
}

// publicValue reads regions/R, regions/R/{domain,longName,partition}, regions/R/services/S, services/S,
// services/S/longName and services/S/regions/R.
func publicValue(name string) (string, bool) {
	rest, ok := strings.CutPrefix(name, publicRoot)
	if !ok {
		return "", false
	}
	p := strings.Split(rest, "/")
	if len(p) < 2 {
		return "", false
	}
	switch i, k := region(p[1]), service(p[1]); {
	case p[0] == "regions" && i >= 0:
		switch {
		case len(p) == 2:
			return p[1], true
		case len(p) == 3 && p[2] == "domain":
			return publicDomain, true
		case len(p) == 3 && p[2] == "longName":
			return publicRegions[i].long, true
		case len(p) == 3 && p[2] == "partition":
			return "aws", true
		case len(p) == 4 && p[2] == "services":
			s := service(p[3])
			return p[3], s >= 0 && publicServices[s].in>>i&1 == 1
		}
	case p[0] == "services" && k >= 0:
		switch {
		case len(p) == 2:
			return p[1], true
		case len(p) == 3 && p[2] == "longName":
			return publicServices[k].long, true
		case len(p) == 4 && p[2] == "regions":
			r := region(p[3])
			return p[3], r >= 0 && publicServices[k].in>>r&1 == 1
		}
	}
	return "", false
}

// publicNames gives the names below prefix (which ends in a slash), in order.
func publicNames(prefix string) []string {
	var out []string
	if !strings.HasPrefix(prefix, publicRoot) && !strings.HasPrefix(publicRoot, prefix) {
		return nil
	}
	add := func(base string, more ...string) {
		for _, m := range more {
			if n := base + m; strings.HasPrefix(n, prefix) {
				out = append(out, n)
			}
		}
	}
	may := func(base string) bool { return strings.HasPrefix(base, prefix) || strings.HasPrefix(prefix, base) }
	for i, r := range publicRegions {
		base := publicRoot + "regions/" + r.name
		if !may(base + "/") {
			continue
		}
		add(base, "", "/domain", "/longName", "/partition")
		if may(base + "/services/") {
			for _, s := range publicServices {
				if s.in>>i&1 == 1 {
					add(base+"/services/", s.name)
				}
			}
		}
	}
	for _, s := range publicServices {
		base := publicRoot + "services/" + s.name
		if !may(base + "/") {
			continue
		}
		add(base, "", "/longName")
		for i, r := range publicRegions {
			if s.in>>i&1 == 1 {
				add(base+"/regions/", r.name)
			}
		}
	}
	sort.Strings(out)
	return out
}

// publicPage is GetParametersByPath below the public prefix: what passes the filter behind after, up to max.
func publicPage(prefix string, recursive bool, after string, max int, filter func(p *parameter) bool) (out []*parameter, more bool) {
	names := publicNames(prefix)
	for _, n := range names[sort.Search(len(names), func(i int) bool { return names[i] > after }):] {
		if !recursive && strings.Contains(n[len(prefix):], "/") {
			continue
		}
		p := public(n)
		if p == nil || !filter(p) {
			continue
		}
		if len(out) == max {
			return out, true
		}
		out = append(out, p)
	}
	return out, false
}

// accountOf is the account in a parameter's ARN: public ones belong to none.
func accountOf(c *wire.Call, name string) string {
	if isPublic(name) {
		return ""
	}
	return c.Account
}
