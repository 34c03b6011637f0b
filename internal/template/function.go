package template

import (
	"slices"
	"strings"
)

const forEachPrefix = "Fn::ForEach::"

// function takes a call apart: a map whose only member is Ref, Condition or Fn::….
func function(v Value) (name string, arg Value, ok bool) {
	if v.Kind() != Map || len(v.n.entries) != 1 {
		return "", Value{}, false
	}
	e := v.n.entries[0]
	if e.Key == "Ref" || e.Key == "Condition" || strings.HasPrefix(e.Key, "Fn::") {
		return e.Key, e.Value, true
	}
	return "", Value{}, false
}

// Call takes a function call apart: {"Fn::Join": […]} gives "Fn::Join" and its argument. {"Condition": …} is one too.
func (v Value) Call() (name string, arg Value, ok bool) { return function(v) }

// context is the section in which a function stands.
type context uint8

const (
	inResources context = iota
	inOutputs
	inConditions
	inRules
)

func (c context) String() string {
	return [...]string{"Resources", "Outputs", "Conditions", "Rules"}[c]
}

var valueFunctions = []string{"Fn::Base64", "Fn::Cidr", "Fn::FindInMap", "Fn::GetAZs", "Fn::GetAtt", "Fn::If", "Fn::ImportValue", "Fn::Join", "Fn::Select", "Fn::Split", "Fn::Sub", "Fn::Transform", "Ref"}

const subUsage = "One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, and an optional second argument to specify a mapping of values to replace in the string"

// checkCall checks a function's place and the form of its argument, not what it refers to.
func (t *Template) checkCall(fn string, a Value, c context) *Error {
	p := a.Pos()
	list := func(least, most int) bool { return a.IsList() && a.Len() >= least && a.Len() <= most }
	isText := func(v Value) bool { return v.IsScalar() || v.IsMap() || v.Kind() == Unknown }
	isList := func(v Value) bool { return v.IsList() || v.IsMap() }
	switch fn {
	case "Ref":
		if !a.IsString() || a.Text() == "" {
			return templateError(p, "every Ref object must have a single String value.")
		}
		return nil
	case "Fn::GetAtt":
		if a.IsString() && strings.Contains(a.Text(), ".") {
			return nil
		}
		if !list(2, 2) || !a.Index(0).IsString() && !(t.extended && a.Index(0).IsMap()) || !isText(a.Index(1)) || a.Index(0).IsString() && a.Index(0).Text() == "" {
			return templateError(p, "every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute")
		}
		return nil
	case "Fn::Sub":
		if a.IsString() {
			return t.checkSub(a)
		}
		if !list(2, 2) || !a.Index(0).IsString() || !a.Index(1).IsMap() {
			return templateError(p, subUsage)
		}
		return t.checkSub(a.Index(0))
	case "Fn::Join":
		if !list(2, 2) || !a.Index(0).IsScalar() && !(t.extended && a.Index(0).IsMap()) || !isList(a.Index(1)) {
			return templateError(p, "every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined.")
		}
		return nil
	case "Fn::Select":
		if !list(2, 2) || !isText(a.Index(0)) || !isList(a.Index(1)) {
			return templateError(p, "Fn::Select requires a list argument with two elements: an integer index and a list")
		}
		if a.Index(0).IsScalar() {
			if _, ok := a.Index(0).Int(); !ok {
				return templateError(p, "Fn::Select requires a list argument with two elements: an integer index and a list")
			}
		}
		return nil
	case "Fn::Split":
		if !list(2, 2) || !a.Index(0).IsScalar() && !(t.extended && a.Index(0).IsMap()) || !isText(a.Index(1)) {
			return templateError(p, "every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that returns a string to be split.")
		}
		return nil
	case "Fn::FindInMap":
		if !list(3, 3) && !(t.extended && list(4, 4) && a.Index(3).Has("DefaultValue")) {
			return templateError(p, "every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value")
		}
		for i := range 3 {
			if !isText(a.Index(i)) {
				return templateError(p, "every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value")
			}
		}
		return nil
	case "Fn::Base64":
		if !isText(a) {
			return templateError(p, "every Fn::Base64 object must have a String-typed value.")
		}
		return nil
	case "Fn::Cidr":
		if !list(2, 3) {
			return templateError(p, "every Fn::Cidr object requires two or three parameters, (1) an ip block, (2) a count and (3) cidr bits")
		}
		return nil
	case "Fn::GetAZs":
		if !isText(a) {
			return templateError(p, "every Fn::GetAZs object must have a String-typed value.")
		}
		return nil
	case "Fn::ImportValue":
		if !isText(a) {
			return templateError(p, "the attribute in Fn::ImportValue must be a string or a function that returns a string")
		}
		return nil
	case "Fn::If":
		if !list(3, 3) || !a.Index(0).IsString() {
			return templateError(p, "Fn::If requires a list argument with three elements")
		}
		return nil
	case "Fn::Length":
		if t.extended && isList(a) {
			return nil
		}
		if t.extended {
			return templateError(p, "Fn::Length expects an array of elements or a function that returns one")
		}
	case "Fn::ToJsonString":
		if t.extended && (a.IsMap() || a.IsList()) {
			return nil
		}
		if t.extended {
			return templateError(p, "Fn::ToJsonString expects an object or an array")
		}
	}
	if c == inConditions || c == inRules {
		switch fn {
		case "Fn::Equals":
			if !list(2, 2) {
				return templateError(p, "every Fn::Equals object requires a list of 2 string parameters.")
			}
			return nil
		case "Fn::And", "Fn::Or":
			if !list(2, 10) {
				return templateError(p, "every %s object requires a list of at least 2 and at most 10 boolean parameters.", fn)
			}
			return nil
		case "Fn::Not":
			if !list(1, 1) {
				return templateError(p, "Fn::Not requires a list argument with one boolean parameter.")
			}
			return nil
		case "Condition":
			if !a.IsString() {
				return templateError(p, "every Condition object must have a single String value.")
			}
			return nil
		case "Fn::Contains", "Fn::EachMemberEquals", "Fn::EachMemberIn":
			if c == inRules && list(2, 2) {
				return nil
			}
		}
	}
	names := valueFunctions
	if t.extended {
		names = append(slices.Clone(names), "Fn::Length", "Fn::ToJsonString")
	}
	if c == inConditions || c == inRules {
		names = append(slices.Clone(names), "Fn::And", "Fn::Or", "Fn::Not", "Fn::Equals", "Condition")
	}
	return errorAt(p, "Template format error: Encountered unsupported function: %s Supported functions are: [%s]", fn, strings.Join(sorted(names), ", "))
}

func sorted(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return s
}

// subPart is a piece of a Fn::Sub string: text, or the name between ${ and }.
type subPart struct {
	text string
	name bool
}

// subParts takes a Fn::Sub string apart. ${!x} is the text ${x}. ok is false where a ${ has no end.
func subParts(s string) (parts []subPart, ok bool) {
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			break
		}
		j := strings.IndexByte(s[i:], '}')
		if j < 0 {
			return nil, false
		}
		name := s[i+2 : i+j]
		if strings.HasPrefix(name, "!") {
			parts = append(parts, subPart{text: s[:i] + "${" + name[1:] + "}"})
		} else {
			if i > 0 {
				parts = append(parts, subPart{text: s[:i]})
			}
			parts = append(parts, subPart{strings.TrimSpace(name), true})
		}
		s = s[i+j+1:]
	}
	if s != "" {
		parts = append(parts, subPart{text: s})
	}
	return parts, true
}

func (t *Template) checkSub(s Value) *Error {
	parts, ok := subParts(s.Text())
	if !ok {
		return templateError(s.Pos(), "One or more Fn::Sub intrinsic functions have a variable that is not closed: %.80s", s.Text())
	}
	for _, p := range parts {
		if p.name && !subName(p.text) {
			return templateError(s.Pos(), "variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons")
		}
	}
	return nil
}

func subName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c == '.' || c == ':') {
			return false
		}
	}
	return s != ""
}

// getAtt takes the argument of Fn::GetAtt apart.
func getAtt(a Value) (id, attr Value) {
	if a.IsString() {
		i, at, _ := strings.Cut(a.Text(), ".")
		return StringOf(i).At(a.Pos()), StringOf(at).At(a.Pos())
	}
	return a.Index(0), a.Index(1)
}

// pseudo tells whether a name is one of AWS's pseudo parameters.
func pseudo(name string) bool {
	switch name {
	case "AWS::AccountId", "AWS::NotificationARNs", "AWS::NoValue", "AWS::Partition", "AWS::Region", "AWS::StackId", "AWS::StackName", "AWS::URLSuffix":
		return true
	}
	return false
}
