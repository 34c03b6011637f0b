package bundle

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"virga/internal/template"
)

// Artifact is one thing of this machine that a template names.
type Artifact struct {
	Resource string // logical id
	Type     string
	Property string
	Path     string // on this machine
	Zip      bool   // a folder or file that goes as a zip archive; else the file's own bytes
}

// Function tells whether it is the code of a function, which a saved file can change without the stack.
func (a Artifact) Function() bool {
	return a.Type == "AWS::Lambda::Function" || a.Type == "AWS::Serverless::Function"
}

// Place is where an upload is.
type Place struct{ Bucket, Key string }

// property says what may be local in a resource type, and how a place is written there.
type property struct {
	name  string
	zip   bool
	write func(p Place) template.Value
}

func uri(p Place) template.Value { return template.StringOf("s3://" + p.Bucket + "/" + p.Key) }

func pair(bucket, key string) func(Place) template.Value {
	return func(p Place) template.Value {
		return template.MapOf(template.E(bucket, template.StringOf(p.Bucket)), template.E(key, template.StringOf(p.Key)))
	}
}

var properties = map[string][]property{
	"AWS::Serverless::Function":        {{name: "CodeUri", zip: true, write: uri}},
	"AWS::Serverless::LayerVersion":    {{name: "ContentUri", zip: true, write: uri}},
	"AWS::Serverless::Api":             {{name: "DefinitionUri", write: uri}},
	"AWS::Serverless::HttpApi":         {{name: "DefinitionUri", write: uri}},
	"AWS::Serverless::StateMachine":    {{name: "DefinitionUri", write: uri}},
	"AWS::Lambda::Function":            {{name: "Code", zip: true, write: pair("S3Bucket", "S3Key")}},
	"AWS::Lambda::LayerVersion":        {{name: "Content", zip: true, write: pair("S3Bucket", "S3Key")}},
	"AWS::ApiGateway::RestApi":         {{name: "BodyS3Location", write: pair("Bucket", "Key")}},
	"AWS::ApiGatewayV2::Api":           {{name: "BodyS3Location", write: pair("Bucket", "Key")}},
	"AWS::StepFunctions::StateMachine": {{name: "DefinitionS3Location", write: pair("Bucket", "Key")}},
}

// Find lists what a template, which lies in the folder dir, names of this machine. A path that is not there is a Missing.
func Find(root template.Value, dir string) (found []Artifact, missing []Missing) {
	each(root, func(id, typ string, p property, v template.Value) {
		path := v.Text()
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		if _, err := os.Stat(path); err != nil {
			missing = append(missing, Missing{id, p.name, v.Pos(), err})
			return
		}
		found = append(found, Artifact{id, typ, p.name, path, p.zip})
	})
	return found, missing
}

// Missing is a path of a template that is not there.
type Missing struct {
	Resource, Property string
	Pos                template.Pos
	Err                error
}

func (m Missing) Error() string { return fmt.Sprintf("%s of %s: %v", m.Property, m.Resource, m.Err) }

// Placed gives a template as it would be after the uploads, with places that do not exist: what a check needs, for the
// transform takes only places of S3.
func Placed(root template.Value) template.Value {
	out := root
	each(root, func(id, typ string, p property, v template.Value) {
		out = Artifact{Resource: id, Type: typ, Property: p.name}.Place(out, Place{"local", "package"})
	})
	return out
}

// each visits what in a template is a path and no place of S3.
func each(root template.Value, fn func(id, typ string, p property, v template.Value)) {
	for id, r := range root.Get("Resources").All() {
		typ := r.Get("Type").Text()
		for _, p := range properties[typ] {
			v := r.Path("Properties", p.name)
			if !v.Exists() && typ == "AWS::Serverless::Function" {
				if r.Path("Properties", "InlineCode").Exists() || r.Path("Properties", "ImageUri").Exists() || r.Path("Properties", "PackageType").Text() == "Image" {
					continue
				}
				if v = root.Path("Globals", "Function", "CodeUri"); !v.Exists() {
					v = template.StringOf(".") // as SAM has it: the folder of the template
				}
			}
			if v.IsString() && !remote(v.Text()) {
				fn(id, typ, p, v)
			}
		}
	}
}

func remote(s string) bool {
	return strings.HasPrefix(s, "s3://") || strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://")
}

// Place gives the template with the places of what was uploaded.
func (a Artifact) Place(root template.Value, at Place) template.Value {
	for _, p := range properties[a.Type] {
		if p.name != a.Property {
			continue
		}
		rs := root.Get("Resources")
		r := rs.Get(a.Resource)
		props := r.Get("Properties")
		if !props.Exists() {
			props = template.MapOf()
		}
		return root.With("Resources", rs.With(a.Resource, r.With("Properties", props.With(p.name, p.write(at).At(props.Get(p.name).Pos())))))
	}
	return root
}

// Bytes gives what is uploaded of it.
func (a Artifact) Bytes() ([]byte, error) {
	if a.Zip {
		return Zip(a.Path)
	}
	return os.ReadFile(a.Path)
}
