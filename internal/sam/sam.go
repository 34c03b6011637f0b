package sam

import (
	"crypto/sha1"
	"encoding/hex"
	"iter"
	"strings"
)

// Input is a template and its surroundings.
type Input struct {
	Template   *Map           // as Parse or the template package's tree gives it; it is not changed
	Parameters map[string]any // values of template parameters: strings, or what the tree holds
	Region     string         // "us-east-1" where empty
	Partition  string         // of the region where empty
	// ManagedPolicies gives the ARN of a managed policy by its name; names it does not know are looked up among AWS's own.
	ManagedPolicies func(name string) (arn string, ok bool)
	// Application gives the template of a version of an application of the Serverless Application Repository. Its error's
	// text becomes the finding; without it the repository is not available.
	Application func(id, version string) (Application, error)
	// FeatureToggles reports which gradual changes of the reference are on; all are off where nil.
	FeatureToggles func(name string) bool
	// AlwaysDeploy gives the text that makes each deployment of an API with AlwaysDeploy new, such as the time in seconds.
	AlwaysDeploy func() string
	// PassMetadata copies a serverless resource's Metadata to what is made of it.
	PassMetadata bool
	Limits       Limits
}

// Application is a nested application's template.
type Application struct {
	URL        string
	TemplateID string
	Status     string // "ACTIVE", "PREPARING" when it did not become ready, "EXPIRED"
}

// Result is the CloudFormation template: a tree of *Map, []any, string, int64, float64, json.Number, bool and nil.
type Result struct {
	Template *Map
}

// Transform gives the CloudFormation template of a serverless one. Its errors are *Error (findings, with AWS's words),
// *LimitError, and *InternalError for templates that AWS answers with an internal failure.
//
// Guide: AWS Serverless Application Model Developer Guide, "AWS SAM template anatomy".
func Transform(in Input) (result *Result, err error) {
	defer func() {
		if l, ok := limitOnly(recover()).(*LimitError); ok {
			result, err = nil, l
		}
	}()
	b := &budget{Limits: in.Limits.filled()}
	t := &transform{in: in, budget: b, refs: map[string]map[string]string{}, renamed: map[string]string{}}
	var out *Map
	if f := catch(func() {
		if in.Template == nil {
			failDocument("'Resources' section is required")
		}
		b.measure(in.Template)
		t.template = in.Template.clone()
		out = t.run()
	}); f != nil {
		return nil, document([]*failure{f})
	}
	if len(t.found) > 0 {
		return nil, document(t.found)
	}
	return &Result{Template: out}, nil
}

// limitOnly passes every panic on but those that Transform turns into its error.
func limitOnly(e any) any {
	if e == nil {
		return nil
	}
	if _, ok := e.(*LimitError); !ok {
		panic(e)
	}
	return e
}

// transform is one run.
type transform struct {
	in        Input
	budget    *budget
	region    string
	partition string

	template  *Map // what is read, and changed on the way
	resources *Map // its Resources
	out       *Map // what is given back
	outRes    *Map // its Resources

	params   *resolver
	mappings *resolver

	found   []*failure
	refs    map[string]map[string]string
	renamed map[string]string

	apps        *applications
	deployments *deployments
	usagePlan   *sharedUsagePlan
	recordSets  map[string]*resource
	functions   map[string]string // an API's logical id to the names of the functions behind it
}

func (t *transform) toggled(name string) bool {
	return t.in.FeatureToggles != nil && t.in.FeatureToggles(name)
}

// serverless iterates over the resources that Globals and the implicit APIs know, of some kinds or of all.
func (t *transform) serverless(kinds ...string) iter.Seq[entry] {
	return func(yield func(entry) bool) {
		for e := range t.resources.entries() {
			r := e.val.(*Map)
			if c := r.get("Condition"); truthy(c) && !isStr(c) {
				failDocument("Every Condition member must be a string.")
			}
			kind, ok := str(r.get("Type"))
			if !ok || !samKind(kind) || len(kinds) > 0 && !oneOf(kind, kinds...) {
				continue
			}
			if !yield(e) {
				return
			}
		}
	}
}

func samKind(kind string) bool {
	switch s, _ := strings.CutPrefix(kind, prefix); s {
	case "Api", "Function", "WebFunction", "SimpleTable", "Application", "LayerVersion", "HttpApi", "WebSocketApi", "StateMachine",
		"CapacityProvider", "MicrovmImage", "NetworkConnector":
		return len(s) < len(kind)
	}
	return false
}

// generatedID is a logical id that ends with the hash of what it stands for.
func generatedID(prefix string, data any) string { return prefix + hashOf(data, 10) }

func hashOf(data any, n int) string {
	if !truthy(data) {
		return ""
	}
	s, ok := str(data)
	if !ok {
		s = sortedJSON(data)
	}
	h := sha1.Sum([]byte(s))
	return hex.EncodeToString(h[:])[:n]
}
