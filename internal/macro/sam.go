package macro

import (
	"encoding/json"
	"strconv"

	"virga/internal/policy/managed"
	"virga/internal/sam"
	"virga/internal/template"
)

// Serverless is the name of SAM's transform.
const Serverless = "AWS::Serverless-2016-10-31"

// SAM processes AWS::Serverless-2016-10-31. Stamp gives the text that makes each deployment of an API with AlwaysDeploy
// new.
func SAM(m template.MacroCall, te template.Env, stamp func() string) (template.Value, error) {
	in := sam.Input{Template: toSAM(m.Fragment).(*sam.Map), Parameters: map[string]any{}, Region: te.Region, Partition: te.Partition, ManagedPolicies: ManagedPolicy, AlwaysDeploy: stamp}
	for k, v := range m.Values {
		if !v.Unknown() {
			in.Parameters[k] = toSAM(v)
		}
	}
	out, err := sam.Transform(in)
	if err != nil {
		return template.Value{}, &template.Error{Message: "Transform " + Serverless + " failed with: " + err.Error()}
	}
	b, err := out.Template.MarshalJSON()
	if err != nil {
		return template.Value{}, err
	}
	return template.ParseValue(b, template.Limits{Bytes: 8 << 20})
}

// ManagedPolicy finds one of AWS's managed policies by its name, as SAM templates spell it.
func ManagedPolicy(name string) (string, bool) {
	for _, path := range []string{"", "service-role/", "aws-service-role/", "job-function/"} {
		if p, ok := managed.Find("arn:aws:iam::aws:policy/" + path + name); ok {
			return p.ARN(), true
		}
	}
	return "", false
}

// toSAM makes the transform's tree of a template's.
func toSAM(v template.Value) any {
	switch v.Kind() {
	case template.Map:
		m := sam.NewMap()
		for k, x := range v.All() {
			m.Set(k, toSAM(x))
		}
		return m
	case template.List:
		out := make([]any, 0, v.Len())
		for _, x := range v.Items() {
			out = append(out, toSAM(x))
		}
		return out
	case template.Bool:
		b, _ := v.Bool()
		return b
	case template.Number:
		if n, err := strconv.ParseInt(v.Text(), 10, 64); err == nil {
			return n
		}
		if f, err := strconv.ParseFloat(v.Text(), 64); err == nil {
			return f
		}
		return json.Number(v.Text())
	case template.String:
		return v.Text()
	}
	return nil
}
