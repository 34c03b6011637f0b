package sam

import "strings"

// addResourcePolicy adds what a ResourcePolicy says about one path to the API's policy.
func (s *swagger) addResourcePolicy(v any, path, stage any) {
	if v == nil {
		return
	}
	p := dictOrFail(v, "Resource Policy is not a valid dictionary.")
	unsettle(s.policy)
	uris := func() []any { return s.methodURIs(path, stage) }
	if l := p.get("AwsAccountWhitelist"); l != nil {
		s.allowAccounts(l, "Allow", uris())
	}
	if l := p.get("AwsAccountBlacklist"); l != nil {
		s.allowAccounts(l, "Deny", uris())
	}
	if l := p.get("IpRangeWhitelist"); truthy(l) {
		s.denyUnless("NotIpAddress", NewMap("aws:SourceIp", asList(l)), uris())
	}
	if l := p.get("IpRangeBlacklist"); truthy(l) {
		s.denyUnless("IpAddress", NewMap("aws:SourceIp", asList(l)), uris())
	}
	for _, side := range [...]struct{ word, operator string }{{"Blacklist", "StringEquals"}, {"Whitelist", "StringNotEquals"}} {
		list := p.get("SourceVpc" + side.word)
		if list != nil {
			for _, x := range iterated(list) {
				if !isStr(x) {
					failDocument("SourceVpc%s must be a list of strings. Use IntrinsicVpc%s instead for values that use Intrinsic Functions", side.word, side.word)
				}
			}
		}
		s.denyVPC(side.operator, list, p.get("IntrinsicVpc"+side.word), p.get("IntrinsicVpce"+side.word), uris)
	}
	s.doc.Set("x-amazon-apigateway-policy", s.policy)
}

// iterated is what Python's for would go through.
func iterated(v any) []any {
	switch t := v.(type) {
	case []any:
		return t
	case *Map:
		return anys(t.Keys()...)
	}
	if s, ok := str(v); ok {
		var out []any
		for _, r := range s {
			out = append(out, string(r))
		}
		return out
	}
	failPy("'%s' object is not iterable", pyType(v))
	return nil
}

func asList(v any) []any {
	if l, ok := v.([]any); ok {
		return l
	}
	return []any{v}
}

func (s *swagger) addCustomStatements(v any) {
	p := obj(s.policy)
	unsettle(p)
	p.Set("Version", "2012-10-17")
	if have := p.get("Statement"); have == nil {
		p.Set("Statement", v)
	} else {
		l := joined(asList(have), nil)
		for _, x := range asList(v) {
			if !contains(l, x) {
				l = append(l, x)
			}
		}
		p.Set("Statement", l)
	}
	s.doc.Set("x-amazon-apigateway-policy", s.policy)
}

func (s *swagger) methodURIs(path, stage any) []any {
	p := text(path)
	star := starPath(p, true)
	_, marked := path.(ustr)
	out := []any{}
	for _, item := range s.items(p) {
		for e := range item.entries() {
			method, uni := strings.ToUpper(e.key), e.uni
			if k := strings.ToLower(e.key); k == anyMethod || k == "any" {
				method, uni = "*", false
			}
			var uri any = "execute-api:/${__Stage__}/" + method + star
			if marked || uni {
				uri = ustr(text(uri))
			}
			out = append(out, fnSub(uri, "__Stage__", stage))
		}
	}
	return out
}

func (s *swagger) allowAccounts(v any, effect string, uris []any) {
	if !truthy(v) {
		return
	}
	if !isMap(v) && !isList(v) {
		failDocument("Type of '%s' must be a list or dictionary", pyStr(v))
	}
	p := obj(s.policy)
	p.Set("Version", "2012-10-17")
	st := pyMap("Effect", effect, "Action", "execute-api:Invoke", "Resource", uris, "Principal", pyMap("AWS", asList(v)))
	if have := p.get("Statement"); have == nil {
		p.Set("Statement", st)
	} else {
		p.Set("Statement", append(joined(asList(have), nil), st))
	}
}

// denyUnless allows everybody but those a condition names.
func (s *swagger) denyUnless(operator string, condition *Map, uris []any) {
	p := obj(s.policy)
	p.Set("Version", "2012-10-17")
	allow := pyMap("Effect", "Allow", "Action", "execute-api:Invoke", "Resource", uris, "Principal", "*")
	deny := pyMap("Effect", "Deny", "Action", "execute-api:Invoke", "Resource", uris, "Principal", "*", "Condition", NewMap(operator, condition))
	have := p.get("Statement")
	if have == nil {
		p.Set("Statement", []any{allow, deny})
		return
	}
	l := joined(asList(have), nil)
	for _, x := range [...]*Map{allow, deny} {
		if !contains(l, x) {
			l = append(l, x)
		}
	}
	p.Set("Statement", l)
}

func (s *swagger) denyVPC(operator string, list, vpcs, vpces any, uris func() []any) {
	c := pyMap()
	add := func(key string, l []any) {
		if have, ok := c.get(key).([]any); ok {
			l = joined(have, l)
		}
		c.Set(key, joined(l, nil))
	}
	if list != nil {
		var vpc, vpce []any
		for _, x := range iterated(list) {
			switch {
			case strings.HasPrefix(text(x), "vpce-"):
				vpce = append(vpce, x)
			case strings.HasPrefix(text(x), "vpc-"):
				vpc = append(vpc, x)
			}
		}
		if vpc != nil {
			add("aws:SourceVpc", vpc)
		}
		if vpce != nil {
			add("aws:SourceVpce", vpce)
		}
	}
	if vpcs != nil {
		add("aws:SourceVpc", iterated(vpcs))
	}
	if vpces != nil {
		add("aws:SourceVpce", iterated(vpces))
	}
	if !truthy(c.get("aws:SourceVpc")) && !truthy(c.get("aws:SourceVpce")) {
		return
	}
	s.denyUnless(operator, c, uris())
}
