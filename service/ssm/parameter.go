package ssm

import (
	"context"
	"fmt"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	ssmapi "virga/api/ssm"
	"virga/internal/job"
	"virga/internal/store"
	"virga/internal/wire"
)

// Limits (AWS General Reference, Systems Manager endpoints and quotas).
const (
	standardMax   = 4096
	advancedMax   = 8192
	versionsMax   = 100
	labelsMax     = 10
	tagsMax       = 50
	levelsMax     = 15
	parametersMax = 10_000 // standard ones of an account and region
	defaultKey    = "alias/aws/ssm"
)

var nameText = regexp.MustCompile(`^[a-zA-Z0-9_.\-/]+$`)

func badName(why string) error { return wire.Invalid(why) }

func checkName(n string) error {
	low := strings.ToLower(strings.TrimPrefix(n, "/"))
	switch {
	case !nameText.MatchString(n):
		return badName("Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_")
	case strings.Contains(n, "/") && !strings.HasPrefix(n, "/"):
		return badName("Parameter name must be a fully qualified name.")
	case strings.HasSuffix(n, "/") || strings.Contains(n, "//"):
		return badName("Parameter name must not end with a slash and its sub-paths must not be empty.")
	case strings.HasPrefix(low, "aws"):
		return wire.Errorf("AccessDeniedException", 400, "No access to reserved parameter name: %s.", n)
	case strings.HasPrefix(low, "ssm"):
		return badName("Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_")
	case strings.Count(strings.TrimPrefix(n, "/"), "/") >= levelsMax:
		return &ssmapi.HierarchyLevelLimitExceededException{Message: "A parameter name hierarchy can have a maximum of 15 levels."}
	}
	return nil
}

// PutParameter implements the operation.
func (s *Service) PutParameter(ctx context.Context, in *ssmapi.PutParameterInput) (*ssmapi.PutParameterOutput, error) {
	c := wire.CallOf(ctx)
	name := plainName(c, in.Name)
	if err := checkName(name); err != nil {
		return nil, err
	}
	tier := wire.Or(in.Tier, "Standard")
	v := version{Type: wire.V(in.Type), Value: in.Value, Desc: wire.V(in.Description), Pattern: wire.V(in.AllowedPattern), Tier: tier,
		DataType: wire.Or(in.DataType, "text"), At: s.cfg.Env.Now(), By: wire.Caller(ctx).ARN}
	switch {
	case in.Policies != nil && *in.Policies != "":
		return nil, wire.Unsupported("PutParameter" + ": " + "Policies")
	case tier == "Intelligent-Tiering":
		return nil, wire.Unsupported("PutParameter" + ": " + "Tier=Intelligent-Tiering")
	case v.DataType != "text":
		return nil, wire.Unsupported("PutParameter" + ": " + "DataType=" + v.DataType)
	case in.KeyId != nil && *in.KeyId != defaultKey:
		return nil, wire.Unsupported("PutParameter" + ": " + "KeyId (keys of one's own)")
	case in.KeyId != nil && v.Type != "SecureString" && v.Type != "":
		return nil, badName("KeyId is required for SecureString type parameter only.")
	case v.Value == "":
		return nil, badName("Parameter value can't be empty.")
	case len(in.Tags) > 0 && wire.V(in.Overwrite):
		return nil, badName("Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.")
	}
	if n := utf8.RuneCountInString(v.Value); tier == "Standard" && n > standardMax {
		return nil, badName("Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, see https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html")
	} else if n > advancedMax {
		return nil, badName("Advanced tier parameters support a maximum parameter value of 8192 characters.")
	}
	if v.Pattern != "" {
		re, err := regexp.Compile(v.Pattern)
		if err != nil {
			return nil, &ssmapi.InvalidAllowedPatternException{Message: "The allowed pattern isn't a valid regular expression."}
		}
		if loc := re.FindStringIndex(v.Value); loc == nil || loc[0] != 0 || loc[1] != len(v.Value) {
			return nil, &ssmapi.ParameterPatternMismatchException{Message: "Parameter value, cannot be validated against allowedPattern: " + v.Pattern}
		}
	}
	tags, err := tagMap(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	k := parameterKey(c.Account, c.Region, name)
	var num int64
	err = s.cfg.Store.Update(ctx, []store.Key{k}, func(tx store.Tx) error {
		p, ok := store.Load[parameter](tx, k)
		if answer, done := job.Once(tx, c.Account, c.EffectID); done && ok {
			num, _ = strconv.ParseInt(string(answer), 10, 64)
			return nil
		}
		if ok && !wire.V(in.Overwrite) {
			return &ssmapi.ParameterAlreadyExists{Message: "The parameter already exists. To overwrite this value, set the overwrite option in the request to true."}
		}
		nv := v
		if !ok {
			if nv.Type == "" {
				return badName("A parameter type is required when you create a parameter.")
			}
			p = &parameter{Name: name, Oldest: 1, Tags: tags, Created: nv.At}
		} else {
			switch nv.Type {
			case "":
				nv.Type = p.Now.Type
			case p.Now.Type:
			default:
				return &ssmapi.HierarchyTypeMismatchException{Message: "Parameter " + name + " already exists with another type: the type of a parameter can't be changed."}
			}
			if in.Description == nil {
				nv.Desc = p.Now.Desc
			}
			if in.AllowedPattern == nil {
				nv.Pattern = p.Now.Pattern
			}
			if p.Now.Tier == "Advanced" && in.Tier == nil {
				nv.Tier = "Advanced"
			}
		}
		if nv.Type == "SecureString" {
			nv.KeyID = defaultKey
		}
		p.Version++
		nv.Number = p.Version
		if p.Version-p.Oldest >= versionsMax {
			for _, n := range p.Labels {
				if n == strconv.FormatInt(p.Oldest, 10) {
					return &ssmapi.ParameterMaxVersionLimitExceeded{Message: "You attempted to create a new version of " + name + " by calling the PutParameter API with the overwrite flag. Version " + n + ", the oldest version, can't be deleted because it has a label associated with it. Move the label to another version of the parameter, and try again."}
				}
			}
			tx.Delete(versionKey(c.Account, c.Region, name, p.Oldest))
			p.Oldest++
		}
		p.Now = nv
		num = p.Version
		store.Put(tx, versionKey(c.Account, c.Region, name, p.Version), &nv)
		store.Put(tx, k, p)
		job.Finish(tx, c.Account, c.EffectID, nv.At, []byte(strconv.FormatInt(num, 10)))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ssmapi.PutParameterOutput{Version: &num, Tier: &v.Tier}, nil
}

func need(ctx context.Context, r *wire.Requirements, action, name string) {
	c := wire.CallOf(ctx)
	base, _, _ := cutSelector(plainName(c, name))
	r.Need("ssm:"+action, arnOf(c, base))
}

// PutParameterRequires implements the operation's requirements.
func (s *Service) PutParameterRequires(ctx context.Context, in *ssmapi.PutParameterInput, r *wire.Requirements) error {
	need(ctx, r, "PutParameter", in.Name)
	if len(in.Tags) > 0 {
		need(ctx, r, "AddTagsToResource", in.Name)
	}
	return nil
}

// cutSelector parts name:version or name:label.
func cutSelector(n string) (name, selector string, ok bool) {
	if strings.HasPrefix(n, "arn:") {
		return n, "", false
	}
	return strings.Cut(n, ":")
}

func notFound(name string) error {
	return &ssmapi.ParameterNotFound{Message: ""}
}

// read gives a parameter's version as a name with an optional selector asks for it.
func read(r store.Reader, account, region, name string) (*parameter, *version, error) {
	base, sel, has := cutSelector(name)
	if isPublic(base) {
		p := public(base)
		switch {
		case p == nil:
			return nil, nil, notFound(base)
		case has && sel != "1":
			return nil, nil, &ssmapi.ParameterVersionNotFound{Message: "Systems Manager could not find version " + sel + " of " + base + ". Verify the version and try again."}
		}
		return p, &p.Now, nil
	}
	p, ok := store.Load[parameter](r, parameterKey(account, region, base))
	if !ok {
		return nil, nil, notFound(base)
	}
	if !has {
		return p, &p.Now, nil
	}
	n, err := strconv.ParseInt(sel, 10, 64)
	if err != nil {
		l, ok := p.Labels[sel]
		if !ok {
			return nil, nil, &ssmapi.ParameterVersionNotFound{Message: "Systems Manager could not find version " + sel + " of " + base + ". Verify the version and try again."}
		}
		n, _ = strconv.ParseInt(l, 10, 64)
	}
	v, ok := store.Load[version](r, versionKey(account, region, base, n))
	if !ok {
		return nil, nil, &ssmapi.ParameterVersionNotFound{Message: "Systems Manager could not find version " + sel + " of " + base + ". Verify the version and try again."}
	}
	return p, v, nil
}

func (s *Service) show(c *wire.Call, p *parameter, v *version, selector string, decrypt bool) (*ssmapi.Parameter, error) {
	out := &ssmapi.Parameter{Name: &p.Name, Type: &v.Type, Value: &v.Value, Version: &v.Number, LastModifiedDate: &v.At, ARN: wire.P(arnOf(c, p.Name)), DataType: &v.DataType}
	if selector != "" {
		out.Selector = wire.P(":" + selector)
	}
	if v.Type == "SecureString" && !decrypt {
		t, err := s.cipherText(c.Account, p.Name, v)
		if err != nil {
			return nil, err
		}
		out.Value = &t
	}
	return out, nil
}

// GetParameter implements the operation.
func (s *Service) GetParameter(ctx context.Context, in *ssmapi.GetParameterInput) (*ssmapi.GetParameterOutput, error) {
	c := wire.CallOf(ctx)
	name := plainName(c, in.Name)
	var p *parameter
	var v *version
	err := s.view(ctx, func(r store.Reader) (err error) {
		p, v, err = read(r, c.Account, c.Region, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	_, sel, _ := cutSelector(name)
	out, err := s.show(c, p, v, sel, wire.V(in.WithDecryption))
	return &ssmapi.GetParameterOutput{Parameter: out}, err
}

// GetParameterRequires implements the operation's requirements.
func (s *Service) GetParameterRequires(ctx context.Context, in *ssmapi.GetParameterInput, r *wire.Requirements) error {
	need(ctx, r, "GetParameter", in.Name)
	return nil
}

// GetParameters implements the operation.
func (s *Service) GetParameters(ctx context.Context, in *ssmapi.GetParametersInput) (*ssmapi.GetParametersOutput, error) {
	c := wire.CallOf(ctx)
	var out *ssmapi.GetParametersOutput
	err := s.view(ctx, func(r store.Reader) error {
		out = &ssmapi.GetParametersOutput{Parameters: []ssmapi.Parameter{}, InvalidParameters: []string{}}
		seen := map[string]bool{}
		for _, n := range in.Names {
			if seen[n] {
				continue
			}
			seen[n] = true
			name := plainName(c, n)
			p, v, err := read(r, c.Account, c.Region, name)
			if err != nil {
				out.InvalidParameters = append(out.InvalidParameters, n)
				continue
			}
			_, sel, _ := cutSelector(name)
			x, err := s.show(c, p, v, sel, wire.V(in.WithDecryption))
			if err != nil {
				return err
			}
			out.Parameters = append(out.Parameters, *x)
		}
		return nil
	})
	return out, err
}

// GetParametersRequires implements the operation's requirements.
func (s *Service) GetParametersRequires(ctx context.Context, in *ssmapi.GetParametersInput, r *wire.Requirements) error {
	for _, n := range in.Names {
		need(ctx, r, "GetParameters", n)
	}
	return nil
}

// GetParametersByPath implements the operation.
func (s *Service) GetParametersByPath(ctx context.Context, in *ssmapi.GetParametersByPathInput) (*ssmapi.GetParametersByPathOutput, error) {
	c := wire.CallOf(ctx)
	path := in.Path
	if !strings.HasPrefix(path, "/") {
		return nil, badName("The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash \"/\". It can't be prefixed with \"aws\" or \"ssm\" (case-insensitive). It must use only letters, numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not allowed. All sub-paths, if specified, must use the forward slash symbol \"/\". Valid example: /get/parameters2-/by1./path0_.")
	}
	prefix := strings.TrimSuffix(path, "/") + "/"
	filter, err := filterOf(in.ParameterFilters, "Type", "KeyId", "Label", "DataType")
	if err != nil {
		return nil, err
	}
	max := int(wire.Or(in.MaxResults, 10))
	query := fmt.Sprint(prefix, wire.V(in.Recursive))
	after, err := s.untoken(c, query, in.NextToken)
	if err != nil {
		return nil, err
	}
	var out *ssmapi.GetParametersByPathOutput
	last, more := "", false
	if isPublic(prefix) {
		out = &ssmapi.GetParametersByPathOutput{Parameters: []ssmapi.Parameter{}}
		found, more := publicPage(prefix, wire.V(in.Recursive), after, max, filter)
		for _, p := range found {
			x, err := s.show(c, p, &p.Now, "", false)
			if err != nil {
				return nil, err
			}
			out.Parameters = append(out.Parameters, *x)
		}
		if more {
			out.NextToken, err = s.pages().Seal(c, query, found[len(found)-1].Name)
		}
		return out, err
	}
	err = s.view(ctx, func(r store.Reader) error {
		out, last, more = &ssmapi.GetParametersByPathOutput{Parameters: []ssmapi.Parameter{}}, "", false
		base := store.K(store.FamilySSM, 0, c.Account).Str("p").Str(c.Region).StrPrefix(prefix)
		span := store.Prefix(base)
		if after != "" {
			span = store.After(base, parameterKey(c.Account, c.Region, after))
		}
		var failed error
		store.Each(r, span, func(_ store.Key, p *parameter) bool {
			if !wire.V(in.Recursive) && strings.Contains(p.Name[len(prefix):], "/") || !filter(p) {
				return true
			}
			if len(out.Parameters) == max {
				more = true
				return false
			}
			x, err := s.show(c, p, &p.Now, "", wire.V(in.WithDecryption))
			if err != nil {
				failed = err
				return false
			}
			out.Parameters = append(out.Parameters, *x)
			last = p.Name
			return true
		})
		return failed
	})
	if err == nil && more {
		out.NextToken, err = s.pages().Seal(c, query, last)
	}
	return out, err
}

// GetParametersByPathRequires implements the operation's requirements.
func (s *Service) GetParametersByPathRequires(ctx context.Context, in *ssmapi.GetParametersByPathInput, r *wire.Requirements) error {
	c := wire.CallOf(ctx)
	r.Need("ssm:GetParametersByPath", arnOf(c, strings.TrimSuffix(in.Path, "/")))
	return nil
}

// filterOf makes a predicate of filters; keys beyond those known are refused.
func filterOf(fs []ssmapi.ParameterStringFilter, known ...string) (func(p *parameter) bool, error) {
	var preds []func(p *parameter) bool
	for _, f := range fs {
		key, opt := f.Key, wire.Or(f.Option, "Equals")
		ok := strings.HasPrefix(key, "tag:")
		for _, k := range known {
			ok = ok || k == key
		}
		if !ok {
			return nil, &ssmapi.InvalidFilterKey{Message: "The following filter key is not valid: " + key + ". Valid filter keys include: [" + strings.Join(known, ", ") + "]."}
		}
		if len(f.Values) == 0 && !strings.HasPrefix(key, "tag:") {
			return nil, &ssmapi.InvalidFilterValue{Message: "The following filter values are missing : null for filter key " + key + "."}
		}
		values := f.Values
		match := func(got string) bool {
			for _, v := range values {
				switch opt {
				case "Equals":
					if got == v {
						return true
					}
				case "BeginsWith":
					if strings.HasPrefix(got, v) {
						return true
					}
				case "Contains":
					if strings.Contains(got, v) {
						return true
					}
				}
			}
			return false
		}
		switch {
		case key == "Path":
			if opt != "Recursive" && opt != "OneLevel" {
				if f.Option != nil {
					return nil, &ssmapi.InvalidFilterOption{Message: "The following filter option is not valid: " + opt + ". Valid options include: [Recursive, OneLevel]."}
				}
				opt = "OneLevel"
			}
		case opt != "Equals" && opt != "BeginsWith" && (opt != "Contains" || key != "Name"):
			return nil, &ssmapi.InvalidFilterOption{Message: "The following filter option is not valid: " + opt + ". Valid options include: [BeginsWith, Equals]."}
		}
		preds = append(preds, func(p *parameter) bool {
			switch {
			case key == "Name":
				return match(p.Name) || match(strings.TrimPrefix(p.Name, "/"))
			case key == "Type":
				return match(p.Now.Type)
			case key == "KeyId":
				return match(p.Now.KeyID)
			case key == "Tier":
				return match(p.Now.Tier)
			case key == "DataType":
				return match(p.Now.DataType)
			case key == "Label":
				for l, n := range p.Labels {
					if n == strconv.FormatInt(p.Version, 10) && match(l) {
						return true
					}
				}
				return false
			case key == "Path":
				for _, v := range values {
					rest, ok := strings.CutPrefix(p.Name, strings.TrimSuffix(v, "/")+"/")
					if ok && (opt == "Recursive" || !strings.Contains(rest, "/")) {
						return true
					}
				}
				return false
			}
			t, ok := p.Tags[strings.TrimPrefix(key, "tag:")]
			return ok && (len(values) == 0 || match(t))
		})
	}
	return func(p *parameter) bool {
		for _, f := range preds {
			if !f(p) {
				return false
			}
		}
		return true
	}, nil
}

// DescribeParameters implements the operation.
func (s *Service) DescribeParameters(ctx context.Context, in *ssmapi.DescribeParametersInput) (*ssmapi.DescribeParametersOutput, error) {
	c := wire.CallOf(ctx)
	if wire.V(in.Shared) {
		return nil, wire.Unsupported("DescribeParameters" + ": " + "Shared=true")
	}
	fs := in.ParameterFilters
	if len(in.Filters) > 0 {
		if len(fs) > 0 {
			return nil, badName("You can use either Filters or ParameterFilters in a single request.")
		}
		for _, f := range in.Filters {
			fs = append(fs, ssmapi.ParameterStringFilter{Key: f.Key, Values: f.Values, Option: wire.P("Equals")})
		}
	}
	filter, err := filterOf(fs, "Path", "Name", "Type", "KeyId", "Tier", "DataType", "Label")
	if err != nil {
		return nil, err
	}
	max := int(wire.Or(in.MaxResults, 10))
	query := fmt.Sprint(fs)
	after, err := s.untoken(c, query, in.NextToken)
	if err != nil {
		return nil, err
	}
	var out *ssmapi.DescribeParametersOutput
	last, more := "", false
	err = s.view(ctx, func(r store.Reader) error {
		out, last, more = &ssmapi.DescribeParametersOutput{Parameters: []ssmapi.ParameterMetadata{}}, "", false
		base := parametersOf(c.Account, c.Region)
		span := store.Prefix(base)
		if after != "" {
			span = store.After(base, parameterKey(c.Account, c.Region, after))
		}
		store.Each(r, span, func(_ store.Key, p *parameter) bool {
			if !filter(p) {
				return true
			}
			if len(out.Parameters) == max {
				more = true
				return false
			}
			v := p.Now
			m := ssmapi.ParameterMetadata{Name: &p.Name, ARN: wire.P(arnOf(c, p.Name)), Type: &v.Type, LastModifiedDate: &v.At, LastModifiedUser: &v.By,
				Version: &v.Number, Tier: &v.Tier, DataType: &v.DataType, Policies: []ssmapi.ParameterInlinePolicy{}}
			if v.Desc != "" {
				m.Description = &v.Desc
			}
			if v.Pattern != "" {
				m.AllowedPattern = &v.Pattern
			}
			if v.KeyID != "" {
				m.KeyId = &v.KeyID
			}
			out.Parameters = append(out.Parameters, m)
			last = p.Name
			return true
		})
		return nil
	})
	if err == nil && more {
		out.NextToken, err = s.pages().Seal(c, query, last)
	}
	return out, err
}

// DescribeParametersRequires implements the operation's requirements.
func (s *Service) DescribeParametersRequires(ctx context.Context, in *ssmapi.DescribeParametersInput, r *wire.Requirements) error {
	c := wire.CallOf(ctx)
	r.Need("ssm:DescribeParameters", "arn:aws:ssm:"+c.Region+":"+c.Account+":*")
	return nil
}

func remove(tx store.Tx, account, region, name string) bool {
	k := parameterKey(account, region, name)
	if _, ok := tx.Get(k); !ok {
		return false
	}
	tx.Delete(k)
	p := store.Prefix(versionsOf(account, region, name))
	tx.DeleteRange(p.From, p.To)
	return true
}

// DeleteParameter implements the operation.
func (s *Service) DeleteParameter(ctx context.Context, in *ssmapi.DeleteParameterInput) (*ssmapi.DeleteParameterOutput, error) {
	c := wire.CallOf(ctx)
	name := plainName(c, in.Name)
	err := s.cfg.Store.Update(ctx, nil, func(tx store.Tx) error {
		if !remove(tx, c.Account, c.Region, name) {
			return notFound(name)
		}
		return nil
	})
	return &ssmapi.DeleteParameterOutput{}, err
}

// DeleteParameterRequires implements the operation's requirements.
func (s *Service) DeleteParameterRequires(ctx context.Context, in *ssmapi.DeleteParameterInput, r *wire.Requirements) error {
	need(ctx, r, "DeleteParameter", in.Name)
	return nil
}

// DeleteParameters implements the operation.
func (s *Service) DeleteParameters(ctx context.Context, in *ssmapi.DeleteParametersInput) (*ssmapi.DeleteParametersOutput, error) {
	c := wire.CallOf(ctx)
	var out *ssmapi.DeleteParametersOutput
	err := s.cfg.Store.Update(ctx, nil, func(tx store.Tx) error {
		out = &ssmapi.DeleteParametersOutput{DeletedParameters: []string{}, InvalidParameters: []string{}}
		for _, n := range in.Names {
			if remove(tx, c.Account, c.Region, plainName(c, n)) {
				out.DeletedParameters = append(out.DeletedParameters, n)
			} else {
				out.InvalidParameters = append(out.InvalidParameters, n)
			}
		}
		return nil
	})
	return out, err
}

// DeleteParametersRequires implements the operation's requirements.
func (s *Service) DeleteParametersRequires(ctx context.Context, in *ssmapi.DeleteParametersInput, r *wire.Requirements) error {
	for _, n := range in.Names {
		need(ctx, r, "DeleteParameters", n)
	}
	return nil
}

// GetParameterHistory implements the operation.
func (s *Service) GetParameterHistory(ctx context.Context, in *ssmapi.GetParameterHistoryInput) (*ssmapi.GetParameterHistoryOutput, error) {
	c := wire.CallOf(ctx)
	name := plainName(c, in.Name)
	max := int(wire.Or(in.MaxResults, 50))
	after, err := s.untoken(c, name, in.NextToken)
	if err != nil {
		return nil, err
	}
	from, _ := strconv.ParseInt(after, 10, 64)
	var out *ssmapi.GetParameterHistoryOutput
	var last int64
	more := false
	err = s.view(ctx, func(r store.Reader) error {
		out, more = &ssmapi.GetParameterHistoryOutput{Parameters: []ssmapi.ParameterHistory{}}, false
		p, ok := store.Load[parameter](r, parameterKey(c.Account, c.Region, name))
		if !ok {
			return notFound(name)
		}
		base := versionsOf(c.Account, c.Region, name)
		var failed error
		store.Each(r, store.Span{From: base.Uint(uint64(from + 1)), To: base.End()}, func(_ store.Key, v *version) bool {
			if len(out.Parameters) == max {
				more = true
				return false
			}
			h := ssmapi.ParameterHistory{Name: &p.Name, Type: &v.Type, Value: &v.Value, Version: &v.Number, LastModifiedDate: &v.At, LastModifiedUser: &v.By,
				Tier: &v.Tier, DataType: &v.DataType, Labels: []string{}, Policies: []ssmapi.ParameterInlinePolicy{}}
			for l, n := range p.Labels {
				if n == strconv.FormatInt(v.Number, 10) {
					h.Labels = append(h.Labels, l)
				}
			}
			sort.Strings(h.Labels)
			if v.Desc != "" {
				h.Description = &v.Desc
			}
			if v.Pattern != "" {
				h.AllowedPattern = &v.Pattern
			}
			if v.KeyID != "" {
				h.KeyId = &v.KeyID
			}
			if v.Type == "SecureString" && !wire.V(in.WithDecryption) {
				t, err := s.cipherText(c.Account, p.Name, v)
				if err != nil {
					failed = err
					return false
				}
				h.Value = &t
			}
			out.Parameters = append(out.Parameters, h)
			last = v.Number
			return true
		})
		return failed
	})
	if err == nil && more {
		out.NextToken, err = s.pages().Seal(c, name, strconv.FormatInt(last, 10))
	}
	return out, err
}

// GetParameterHistoryRequires implements the operation's requirements.
func (s *Service) GetParameterHistoryRequires(ctx context.Context, in *ssmapi.GetParameterHistoryInput, r *wire.Requirements) error {
	need(ctx, r, "GetParameterHistory", in.Name)
	return nil
}
