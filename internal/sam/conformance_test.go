package sam

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The floors of the suite, in percent; the reference package itself gets 99.8 loose and 99.4 strict.
const (
	floorLoose  = 99.5
	floorErrors = 98.0
)

// TestConformance runs the public cases of the reference, when their data lies beside the project.
func TestConformance(t *testing.T) {
	shared := cmp.Or(os.Getenv("VIRGA_SHARED"), filepath.Join("..", "..", "..", "shared"))
	f, err := os.Open(filepath.Join(shared, "conformance", "sam", "cases.jsonl.gz"))
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("not run:", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 16<<20)
	var templates, loose, strict, refusals, exact int
	for lines.Scan() {
		var c struct {
			Name, Template, Error string
			Expect                map[string]*Map
		}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		tree, err := Parse([]byte(c.Template), Limits{})
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if c.Error != "" {
			refusals++
			_, err := Transform(suiteInput(tree, c.Name, "aws"))
			var e *Error
			switch {
			case !errors.As(err, &e):
				t.Errorf("%s: not refused: %v", c.Name, err)
			case unmarked.ReplaceAllString(e.Error(), "$1") == c.Error:
				exact++
			default:
				t.Logf("%s: %v", c.Name, e)
			}
			continue
		}
		for partition, want := range c.Expect {
			templates++
			r, err := Transform(suiteInput(tree, c.Name, partition))
			if err != nil {
				t.Errorf("%s@%s: %v", c.Name, partition, err)
				continue
			}
			got, wanted := unordered(r.Template), unordered(want)
			switch {
			case got == wanted:
				strict++
				loose++
			case unordered(blanked(r.Template)) == unordered(blanked(want)):
				loose++
			default:
				t.Logf("%s@%s: differs", c.Name, partition)
			}
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	percent := func(n, of int) float64 { return 100 * float64(n) / float64(max(of, 1)) }
	t.Logf("templates: loose %d, strict %d of %d; errors word for word: %d of %d", loose, strict, templates, exact, refusals)
	if templates == 0 || percent(loose, templates) < floorLoose || percent(exact, refusals) < floorErrors {
		t.Errorf("below the floors of %v and %v percent", floorLoose, floorErrors)
	}
}

func suiteInput(tree *Map, name, partition string) Input {
	path := map[string]string{"AWSLambdaBasicExecutionRole": "service-role/", "AWSLambdaRole": "service-role/", "AmazonDynamoDBFullAccess": "",
		"AmazonDynamoDBReadOnlyAccess": "", "AWSXrayWriteOnlyAccess": "", "AWSXRayDaemonWriteAccess": ""}
	return Input{
		Template: tree, Partition: partition, Parameters: map[string]any{"param1": "value1", "param2": "value2"},
		Region:         map[string]string{"aws": "ap-southeast-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}[partition],
		FeatureToggles: func(string) bool { return strings.HasPrefix(name, "feature_toggle_") },
		ManagedPolicies: func(n string) (string, bool) {
			p, ok := path[n]
			return "arn:" + partition + ":iam::aws:policy/" + p + n, ok
		},
		Application: func(id, _ string) (Application, error) {
			switch id {
			case "no-access", "non-existent", "invalid-semver":
				return Application{}, errors.New("Cannot access application: " + id + ".")
			}
			return Application{URL: "https://awsserverlessrepo-changesets-xxx.s3.amazonaws.com/signed-url"}, nil
		},
	}
}

// unordered is a value's text with lists sorted, for the suite leaves their order open.
func unordered(v any) string {
	var walk func(v any) any
	walk = func(v any) any {
		switch x := v.(type) {
		case *Map:
			out := NewMap()
			for k, w := range x.All() {
				out.Set(k, walk(w))
			}
			return out
		case []any:
			out := make([]any, len(x))
			for i := range x {
				out[i] = walk(x[i])
			}
			slices.SortStableFunc(out, func(a, b any) int { return strings.Compare(sortedJSON(a), sortedJSON(b)) })
			return out
		case float64:
			if x == float64(int64(x)) {
				return int64(x)
			}
		}
		return v
	}
	return sortedJSON(walk(v))
}

var (
	shortHash = regexp.MustCompile(`([A-Za-z])[0-9a-f]{10}\b`)
	longHash  = regexp.MustCompile(`[0-9a-f]{40}`)
	unmarked  = regexp.MustCompile(`u('[A-Za-z0-9]*')`) // as the suite's own runner does
)

// blanked takes hashes out of a value.
func blanked(v any) any {
	clean := func(s string) string {
		return shortHash.ReplaceAllString(longHash.ReplaceAllString(s, "<sha1>"), "${1}<h10>")
	}
	switch x := v.(type) {
	case *Map:
		out := NewMap()
		for k, w := range x.All() {
			out.Set(clean(k), blanked(w))
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i := range x {
			out[i] = blanked(x[i])
		}
		return out
	}
	if s, ok := str(v); ok {
		return clean(s)
	}
	return v
}
