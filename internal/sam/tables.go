package sam

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"sync"
)

// The tables are written by tool/samgen and read once, when first asked for.

//go:embed tables/schema_gen.json
var schemaText []byte

//go:embed tables/policy_templates_gen.json
var policyTemplatesText []byte

//go:embed tables/connectors_gen.json
var connectorsText []byte

//go:embed tables/managed_policies_gen.json
var managedPoliciesText []byte

// property is one property of a resource kind or an event type.
type property struct {
	Name       string
	Required   bool
	Intrinsics bool
	Check      check
}

type schemaTables struct {
	Resources          map[string][]property
	FunctionEvents     map[string][]property `json:"function_events"`
	StateMachineEvents map[string][]property `json:"state_machine_events"`
	CloudFormation     map[string][]string
	Globals            []struct {
		Section    string
		Properties []string
	}
	Models map[string]map[string][]field
}

func decode[T any](text []byte) T {
	var t T
	if err := json.Unmarshal(text, &t); err != nil {
		panic(fmt.Sprintf("sam: embedded table: %v", err))
	}
	return t
}

var schema = sync.OnceValue(func() *schemaTables { return decode[*schemaTables](schemaText) })

type policyTemplate struct {
	Parameters []string
	Definition *Map
}

var policyTemplates = sync.OnceValue(func() map[string]policyTemplate { return decode[map[string]policyTemplate](policyTemplatesText) })

type connectorTables struct {
	Permissions, Resources *Map
}

var connectorProfiles = sync.OnceValue(func() connectorTables { return decode[connectorTables](connectorsText) })

// managedPolicies maps a partition to names to the paths before them in ARNs.
var managedPolicies = sync.OnceValue(func() map[string]map[string]string {
	out := map[string]map[string]string{}
	for partition, paths := range decode[map[string]map[string][]string](managedPoliciesText) {
		names := map[string]string{}
		for path, l := range paths {
			for _, n := range l {
				names[n] = path
			}
		}
		out[partition] = names
	}
	return out
})

// UnmarshalJSON reads a map with its order kept.
func (m *Map) UnmarshalJSON(data []byte) error {
	v, err := parseJSON(data)
	if err != nil {
		return err
	}
	o, ok := v.(*Map)
	if !ok {
		return fmt.Errorf("sam: not an object")
	}
	*m = *o
	return nil
}

// check is a test of a property's type.
type check struct {
	word string
	args []check
	enum []string
}

// UnmarshalJSON reads a word, or a list of a word and its arguments.
func (c *check) UnmarshalJSON(data []byte) error {
	if err := json.Unmarshal(data, &c.word); err == nil {
		return nil
	}
	var l []json.RawMessage
	if err := json.Unmarshal(data, &l); err != nil {
		return err
	}
	if err := json.Unmarshal(l[0], &c.word); err != nil {
		return err
	}
	if c.word == "enum" {
		c.enum = make([]string, len(l)-1)
		for i := range c.enum {
			if err := json.Unmarshal(l[i+1], &c.enum[i]); err != nil {
				return err
			}
		}
		return nil
	}
	c.args = make([]check, len(l)-1)
	for i := range c.args {
		if err := json.Unmarshal(l[i+1], &c.args[i]); err != nil {
			return err
		}
	}
	return nil
}

func (c check) ok(v any) bool {
	switch c.word {
	case "any":
		return true
	case "map":
		return isMap(v)
	case "string":
		return isStr(v)
	case "bool":
		return isBool(v)
	case "list":
		return isList(v)
	case "int":
		return isInt(v)
	case "enum":
		return oneOf(v, c.enum...)
	case "one_of":
		for _, a := range c.args {
			if a.ok(v) {
				return true
			}
		}
		return false
	case "list_of":
		l, ok := v.([]any)
		for _, x := range l {
			ok = ok && c.args[0].ok(x)
		}
		return ok
	case "dict_of":
		m, ok := v.(*Map)
		for _, x := range m.All() {
			ok = ok && c.args[1].ok(x)
		}
		return ok
	}
	panic("sam: unknown check " + c.word)
}

// expected is how an error names the type, or nothing where it does not.
func (c check) expected() string {
	switch c.word {
	case "map", "string":
		return c.word
	case "enum":
		q := make([]string, len(c.enum))
		for i, e := range c.enum {
			q[i] = "'" + e + "'"
		}
		switch len(q) {
		case 1:
			return "the string " + q[0]
		case 2:
			return "one of the strings: " + q[0] + " or " + q[1]
		}
		s := "one of the strings: "
		for _, e := range q[:len(q)-1] {
			s += e + ", "
		}
		return s + "or " + q[len(q)-1]
	}
	return ""
}
