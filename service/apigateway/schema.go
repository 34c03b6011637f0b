package apigateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// compileSchema makes a model ready to check bodies. Its references to other models of the API are followed, and no
// others: nothing is fetched.
func compileSchema(m *model, all []model, api string) (*jsonschema.Schema, error) {
	if m.Schema == "" {
		return nil, nil
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft4)
	c.UseLoader(noLoader{})
	for _, o := range append([]model{*m}, all...) {
		if o.Name == m.Name && o.Id != m.Id {
			continue
		}
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(rewriteRefs(o.Schema)))
		if err != nil {
			if o.Name == m.Name {
				return nil, err
			}
			continue
		}
		if err := c.AddResource(modelURL(o.Name), v); err != nil {
			var dup *jsonschema.ResourceExistsError
			if !errors.As(err, &dup) {
				return nil, err
			}
		}
	}
	return c.Compile(modelURL(m.Name))
}

const modelBase = "https://apigateway.amazonaws.com/restapis/models/"

func modelURL(name string) string { return modelBase + name }

// rewriteRefs turns the two ways of naming another model into one: "#/definitions/X" of an imported document, and
// "https://apigateway.amazonaws.com/restapis/ID/models/X".
func rewriteRefs(schema string) string {
	d := json.NewDecoder(strings.NewReader(schema))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return schema
	}
	own := map[string]bool{}
	if m, ok := v.(map[string]any); ok {
		if defs, ok := m["definitions"].(map[string]any); ok {
			for k := range defs {
				own[k] = true
			}
		}
	}
	walk(v, own)
	var b bytes.Buffer
	if json.NewEncoder(&b).Encode(v) != nil {
		return schema
	}
	return b.String()
}

func walk(v any, own map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			s, ok := x.(string)
			if k != "$ref" || !ok {
				walk(x, own)
				continue
			}
			if name, ok := strings.CutPrefix(s, "#/definitions/"); ok && !own[name] {
				v[k] = modelURL(name)
			} else if i := strings.Index(s, "/models/"); i > 0 && strings.HasPrefix(s, "https://apigateway.amazonaws.com/restapis/") {
				v[k] = modelURL(s[i+len("/models/"):])
			}
		}
		delete(v, "id") // would move the base of its references
		delete(v, "$schema")
	case []any:
		for _, x := range v {
			walk(x, own)
		}
	}
}

type noLoader struct{}

// Load implements jsonschema.URLLoader.
func (noLoader) Load(url string) (any, error) { return nil, errors.New("no such model: " + url) }
