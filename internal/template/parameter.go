package template

import (
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

func itoa(i int) string { return strconv.Itoa(i) }

// Parameter is a member of Parameters.
type Parameter struct {
	Name                  string
	Type                  string
	Pos                   Pos
	Default               string
	HasDefault            bool
	NoEcho                bool
	Description           string
	ConstraintDescription string
	AllowedValues         []string
	AllowedPattern        string
	MinLength, MaxLength  int // -1 where not given
	MinValue, MaxValue    string
	PatternUnchecked      bool // AllowedPattern uses what Go's engine cannot express (look-around), so it is not checked

	pattern *regexp.Regexp // nil where there is none or Go's engine cannot express it
}

// SSM tells whether the parameter's value is the name of a Systems Manager parameter that holds the real one.
func (p *Parameter) SSM() bool { return strings.HasPrefix(p.Type, "AWS::SSM::Parameter::Value<") }

// List tells whether the parameter is a list.
func (p *Parameter) List() bool {
	return p.Type == "CommaDelimitedList" || strings.HasPrefix(p.Type, "List<") || strings.HasPrefix(p.Type, "AWS::SSM::Parameter::Value<List<") || p.Type == "AWS::SSM::Parameter::Value<CommaDelimitedList>"
}

// element gives the innermost type: String, Number, AWS::EC2::VPC::Id …
func (p *Parameter) element() string {
	s := strings.TrimPrefix(p.Type, "AWS::SSM::Parameter::Value<")
	s = strings.TrimPrefix(s, "List<")
	return strings.TrimRight(s, ">")
}

func knownParameterType(s string) bool {
	switch s {
	case "String", "Number", "List<Number>", "CommaDelimitedList", "AWS::SSM::Parameter::Name", "List<String>":
		return true
	}
	if in, ok := strings.CutPrefix(s, "AWS::SSM::Parameter::Value<"); ok {
		in, ok = strings.CutSuffix(in, ">")
		return ok && (in == "String" || in == "CommaDelimitedList" || in == "List<String>" || in == "List<Number>" || knownParameterType(in) && strings.Contains(in, "AWS::"))
	}
	if in, ok := strings.CutPrefix(s, "List<"); ok {
		in, ok = strings.CutSuffix(in, ">")
		s = in
		if !ok {
			return false
		}
	}
	switch s {
	case "AWS::EC2::AvailabilityZone::Name", "AWS::EC2::Image::Id", "AWS::EC2::Instance::Id", "AWS::EC2::KeyPair::KeyName", "AWS::EC2::SecurityGroup::GroupName",
		"AWS::EC2::SecurityGroup::Id", "AWS::EC2::Subnet::Id", "AWS::EC2::Volume::Id", "AWS::EC2::VPC::Id", "AWS::Route53::HostedZone::Id":
		return true
	}
	return false
}

func (t *Template) readParameters() *Error {
	s := t.Root.Get("Parameters")
	if s.Len() > t.limits.Parameters {
		return limitError(s.Pos(), "Parameters", "Number of parameters, %d, is greater than maximum allowed, %d", s.Len(), t.limits.Parameters)
	}
	for e := range s.Entries() {
		if strings.HasPrefix(e.Key, "Fn::") {
			continue // a macro's, which check() refuses if it stays
		}
		if !alphanumeric(e.Key) {
			return formatError(e.KeyPos, "Parameter name %s is non alphanumeric.", e.Key)
		}
		if len(e.Key) > t.limits.Name {
			return limitError(e.KeyPos, "Name", "Parameter name %.32s… has more than %d characters.", e.Key, t.limits.Name)
		}
		p, err := readParameter(e, t.limits)
		if err != nil {
			return err
		}
		t.Parameters = append(t.Parameters, p)
		t.parameters[p.Name] = p
	}
	return nil
}

func readParameter(e Entry, l Limits) (*Parameter, *Error) {
	p := &Parameter{Name: e.Key, Pos: e.KeyPos, MinLength: -1, MaxLength: -1}
	if !e.Value.IsMap() {
		return nil, formatError(e.Value.Pos(), "Any Parameters member must be an object.")
	}
	for m := range e.Value.Entries() {
		v := m.Value
		switch m.Key {
		case "AllowedValues":
			if !v.IsList() {
				return nil, formatError(v.Pos(), "AllowedValues of parameter '%s' must be a list.", p.Name)
			}
			for _, x := range v.Items() {
				if !x.IsScalar() {
					return nil, formatError(x.Pos(), "AllowedValues of parameter '%s' must be strings.", p.Name)
				}
				p.AllowedValues = append(p.AllowedValues, x.Text())
			}
			continue
		case "Type", "Default", "NoEcho", "Description", "ConstraintDescription", "AllowedPattern", "MinLength", "MaxLength", "MinValue", "MaxValue":
		default:
			return nil, errorAt(m.KeyPos, "Invalid template parameter property '%s'", m.Key)
		}
		if !v.IsScalar() {
			return nil, formatError(v.Pos(), "Every %s member must be a string.", m.Key)
		}
		text := v.Text()
		ok := true
		switch m.Key {
		case "Type":
			p.Type = text
		case "Default":
			p.Default, p.HasDefault = text, true
		case "NoEcho":
			p.NoEcho, ok = v.Bool()
		case "Description":
			p.Description = text
		case "ConstraintDescription":
			p.ConstraintDescription = text
		case "AllowedPattern":
			p.AllowedPattern = text
			p.pattern = CompilePattern("^(?:" + text + ")$")
			p.PatternUnchecked = p.pattern == nil
		case "MinLength":
			p.MinLength, ok = v.Int()
		case "MaxLength":
			p.MaxLength, ok = v.Int()
		case "MinValue":
			p.MinValue = text
			_, ok = number(text)
		case "MaxValue":
			p.MaxValue = text
			_, ok = number(text)
		}
		if !ok {
			return nil, formatError(v.Pos(), "%s of parameter '%s' is not valid: %s", m.Key, p.Name, text)
		}
	}
	if p.Type == "" {
		return nil, formatError(e.KeyPos, "Every Parameters object must contain a Type member.")
	}
	if !knownParameterType(p.Type) {
		return nil, formatError(e.Value.Get("Type").Pos(), "Unrecognized parameter type: %s", p.Type)
	}
	if p.HasDefault && !p.SSM() {
		if err := p.check(p.Default, l); err != nil {
			err.Pos = e.Value.Get("Default").Pos()
			return nil, err
		}
	}
	return p, nil
}

func number(s string) (*big.Float, bool) {
	s = strings.TrimSpace(s)
	if len(s) > 64 || !isJSONNumber(strings.TrimPrefix(s, "+")) && !plainDigits(s) {
		return nil, false
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 && len(s)-i > 5 {
		return nil, false
	}
	f, _, err := big.ParseFloat(strings.TrimPrefix(s, "+"), 10, 200, big.ToNearestEven)
	return f, err == nil
}

func plainDigits(s string) bool {
	s = strings.TrimPrefix(strings.TrimPrefix(s, "-"), "+")
	if strings.Count(s, ".") > 1 || s == "." {
		return false
	}
	for _, c := range s {
		if c != '.' && (c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// split gives the elements of a comma-delimited list, trimmed.
func split(s string) []string {
	if s == "" {
		return []string{""}
	}
	parts := strings.Split(s, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// check tells whether a value meets the parameter's type and constraints.
func (p *Parameter) check(value string, l Limits) *Error {
	fail := func(format string, args ...any) *Error {
		if p.ConstraintDescription != "" {
			return errorAt(p.Pos, "Parameter '%s' failed to satisfy constraint: %s", p.Name, p.ConstraintDescription)
		}
		return errorAt(p.Pos, "Parameter '%s' must "+format, append([]any{p.Name}, args...)...)
	}
	if len(value) > l.ParameterBytes {
		e := errorAt(p.Pos, "Parameter '%s' must contain at most %d characters", p.Name, l.ParameterBytes)
		e.Limit = "ParameterBytes"
		return e
	}
	parts := []string{value}
	if p.List() {
		parts = split(value)
	}
	for _, x := range parts {
		if p.element() == "Number" {
			f, ok := number(x)
			if !ok {
				return errorAt(p.Pos, "Parameter '%s' must be a number.", p.Name)
			}
			if b, ok := number(p.MinValue); ok && f.Cmp(b) < 0 {
				return fail("be a number not less than %s", p.MinValue)
			}
			if b, ok := number(p.MaxValue); ok && f.Cmp(b) > 0 {
				return fail("be a number not greater than %s", p.MaxValue)
			}
		}
		if len(p.AllowedValues) > 0 && !p.allowed(x) {
			return fail("be one of AllowedValues")
		}
	}
	n := utf8.RuneCountInString(value)
	if p.MinLength >= 0 && n < p.MinLength {
		return fail("contain at least %d characters", p.MinLength)
	}
	if p.MaxLength >= 0 && n > p.MaxLength {
		return fail("contain at most %d characters", p.MaxLength)
	}
	if p.pattern != nil {
		for _, x := range parts {
			if !p.pattern.MatchString(x) {
				return fail("match pattern %s", p.AllowedPattern)
			}
		}
	}
	return nil
}

func (p *Parameter) allowed(x string) bool {
	for _, a := range p.AllowedValues {
		if a == x {
			return true
		}
		if p.element() == "Number" {
			f, ok := number(x)
			if g, ok2 := number(a); ok && ok2 && f.Cmp(g) == 0 {
				return true
			}
		}
	}
	return false
}

// value makes the value that Ref gives.
func (p *Parameter) value(text string) Value {
	if !p.List() {
		return StringOf(text).At(p.Pos)
	}
	var out []Value
	for _, x := range split(text) {
		out = append(out, StringOf(x).At(p.Pos))
	}
	return ListOf(out...).At(p.Pos)
}

var bigRepeat = regexp.MustCompile(`\{(\d+)(,?)(\d*)\}`)

// CompilePattern compiles a regular expression as AWS writes them (Java's). It gives nil where Go's engine, which knows no
// look-around, cannot say it; repetitions beyond its 1,000 lose their upper bound. Patterns over 4,096 bytes are not
// compiled.
func CompilePattern(p string) *regexp.Regexp {
	if len(p) > 4096 {
		return nil
	}
	if re, err := regexp.Compile(p); err == nil {
		return re
	}
	re, err := regexp.Compile(bigRepeat.ReplaceAllStringFunc(p, func(s string) string {
		m := bigRepeat.FindStringSubmatch(s)
		from, _ := strconv.Atoi(m[1])
		to, _ := strconv.Atoi(m[3])
		if from <= 1000 && to <= 1000 {
			return s
		}
		return fmt.Sprintf("{%d,}", min(from, 1))
	}))
	if err != nil {
		return nil
	}
	return re
}

// parameterValues checks the values given and completes them with defaults.
func (t *Template) parameterValues(given map[string]string, env Env) (map[string]Value, *Error) {
	var missing, unknown []string
	for name := range given {
		if t.parameters[name] == nil {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		return nil, errorAt(Pos{}, "Parameters: [%s] do not exist in the template", strings.Join(sorted(unknown), ", "))
	}
	out := make(map[string]Value, len(t.Parameters))
	for _, p := range t.Parameters {
		text, ok := given[p.Name]
		if !ok {
			text, ok = p.Default, p.HasDefault
		}
		if !ok {
			if p.SSM() {
				return nil, errorAt(p.Pos, "Parameter %s should either have input value or default value", p.Name)
			}
			missing = append(missing, p.Name)
			continue
		}
		if p.SSM() {
			if env.Parameter == nil {
				out[p.Name] = UnknownOf(p.Name)
				continue
			}
			real, err := env.Parameter(text)
			if err != nil {
				return nil, asError(err, p.Pos)
			}
			text = real
		} else if e := p.check(text, t.limits); e != nil {
			return nil, e
		}
		out[p.Name] = p.value(text)
	}
	if len(missing) > 0 {
		return nil, errorAt(Pos{}, "Parameters: [%s] must have values", strings.Join(missing, ", "))
	}
	return out, nil
}
