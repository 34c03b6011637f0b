package sam

import (
	"net/url"
	"regexp"
	"strings"
)

type s3Pointer struct {
	bucket, key, version any
	storage              any
}

// parseS3 reads s3://bucket/key?versionId=v.
func parseS3(v any) (p s3Pointer, ok bool) {
	s, isString := str(v)
	if !isString {
		return p, false
	}
	scheme, rest, found := strings.Cut(s, "://")
	if !found || !strings.EqualFold(scheme, "s3") {
		return p, false
	}
	rest, _, _ = strings.Cut(rest, "#")
	rest, query, _ := strings.Cut(rest, "?")
	bucket, key, found := strings.Cut(rest, "/")
	if bucket == "" || !found {
		return p, false
	}
	p.bucket, p.key = like(v, bucket), like(v, strings.TrimLeft("/"+key, "/"))
	var versions []string
	for _, part := range strings.Split(query, "&") {
		if name, value, _ := strings.Cut(part, "="); name == "versionId" && value != "" {
			if u, err := url.QueryUnescape(value); err == nil {
				value = u
			}
			versions = append(versions, value)
		}
	}
	if len(versions) == 1 {
		p.version = like(v, versions[0])
	}
	return p, true
}

const notS3 = "'%s' is not a valid S3 Uri of the form 's3://bucket/key' with optional versionId query parameter."

func s3PointerOf(v any, id, property string) s3Pointer {
	if m, ok := v.(*Map); ok {
		if !truthy(m.get("Bucket")) || !truthy(m.get("Key")) {
			failResource(id, "'%s' requires Bucket and Key properties to be specified.", property)
		}
		return s3Pointer{m.get("Bucket"), m.get("Key"), m.get("Version"), m.get("StorageMode")}
	}
	p, ok := parseS3(v)
	if !ok {
		failResource(id, notS3, property)
	}
	return p
}

// s3Location is the place of an API's or a state machine's definition.
func s3Location(v any, id string, py bool) *Map {
	p := s3PointerOf(v, id, "DefinitionUri")
	m := NewMap()
	if py {
		m = pyMap()
	}
	m.Set("Bucket", p.bucket)
	m.Set("Key", p.key)
	if p.version != nil {
		m.Set("Version", p.version)
	}
	return m
}

func codePointer(v any, id, property string) s3Pointer {
	if s, ok := str(v); ok {
		dynamic := regexp.MustCompile(`\{\{resolve:(ssm|ssm-secure|secretsmanager):[a-zA-Z0-9_.\-/]+(:\d+)?\}\}`).FindString(s)
		if strings.Contains(dynamic, "/") {
			failResource(id, "Unsupported dynamic reference detected in '%s'. Please consider using alternative 'FunctionCode' object format.", property)
		}
	} else if !isMap(v) {
		failResource(id, "'%s' must be of type dict or string.", property)
	}
	return s3PointerOf(v, id, property)
}

// s3Code is the place of a function's or a layer's code.
func s3Code(v any, id, property string) *Map {
	p := codePointer(v, id, property)
	m := NewMap("S3Bucket", p.bucket, "S3Key", p.key)
	if p.version != nil {
		m.Set("S3ObjectVersion", p.version)
	}
	if p.storage != nil {
		m.Set("S3ObjectStorageMode", p.storage)
	}
	return m
}
