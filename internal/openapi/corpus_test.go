package openapi

import (
	"archive/zip"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestCorpus reads every OpenAPI document of the applications beside the project and takes it there and back.
func TestCorpus(t *testing.T) {
	name := os.Getenv("VIRGA_CORPUS")
	if name == "" {
		name = "../../../shared/corpus/visible.zip"
	}
	z, err := zip.OpenReader(name)
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("the corpus is not beside the project: ", err)
	}
	defer z.Close()
	head := regexp.MustCompile(`(?m)^(swagger|openapi)\s*:|^\s*\{\s*"(swagger|openapi)"\s*:`)
	n, good := 0, 0
	for _, f := range z.File {
		if l := strings.ToLower(f.Name); !strings.HasSuffix(l, ".yaml") && !strings.HasSuffix(l, ".yml") && !strings.HasSuffix(l, ".json") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(io.LimitReader(r, 8<<20))
		r.Close()
		if err != nil {
			t.Fatal(err)
		}
		if !head.Match(b) {
			continue
		}
		n++
		a, err := Import(b, Limits{})
		if err != nil {
			t.Errorf("%s: %v", f.Name, err)
			continue
		}
		good++
		roundTrip(t, f.Name, a)
	}
	t.Logf("%d of %d documents", good, n)
}
