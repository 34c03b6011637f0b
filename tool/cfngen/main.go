// Command cfngen writes internal/template/schema/schemas.bin from the CloudFormation resource schemas of the cfn-lint
// package: one version, checked by its hash. It keeps facts (names, types, constraints, identifiers) and drops prose.
package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"

	"virga/tool/internal/module"
)

//go:generate go run .

const (
	sourceVersion = "1.58.0"
	sourceHash    = "9d9f06043160756a6158f5c3f92a44ce38254b1c578127461608305bc8262987"
	region        = "us-east-1"
	fileBytesMax  = 8 << 20
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "cfngen:", err)
		os.Exit(1)
	}
}

func run() error {
	root, err := module.Root()
	if err != nil {
		return err
	}
	files, err := openSource()
	if err != nil {
		return err
	}
	var names map[string]string // resource type: file
	if err := read(files["cfnlint/data/schemas/providers/"+region+".json"], &names); err != nil {
		return err
	}
	attributes, err := getAtts(files["cfnlint/schema/_getatts.py"])
	if err != nil {
		return err
	}
	types := make([]string, 0, len(names))
	for t := range names {
		types = append(types, t)
	}
	sort.Strings(types)
	docs := make([][]byte, len(types))
	for i, t := range types {
		var doc map[string]any
		if err := read(files["cfnlint/data/schemas/resources/"+names[t]+".json"], &doc); err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
		if doc["typeName"] != t {
			return fmt.Errorf("%s: the file is of %v", t, doc["typeName"])
		}
		kept := top(doc)
		if a, ok := attributes[t]; ok {
			kept["getAtt"] = a
		}
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(kept); err != nil {
			return err
		}
		docs[i] = bytes.TrimSpace(b.Bytes())
	}
	out, err := pack(types, docs)
	if err != nil {
		return err
	}
	fmt.Printf("%d types, %d bytes\n", len(types), len(out))
	return os.WriteFile(filepath.Join(root, "internal", "template", "schema", "schemas.bin"), out, 0o644)
}

// topKeep are the members of a resource schema that are kept.
func topKeep(k string) bool {
	switch k {
	case "typeName", "primaryIdentifier", "additionalIdentifiers", "readOnlyProperties", "createOnlyProperties", "conditionalCreateOnlyProperties",
		"writeOnlyProperties", "deprecatedProperties", "tagging", "taggable", "replacementStrategy", "handlers":
		return true
	}
	return false
}

func top(doc map[string]any) map[string]any {
	out, _ := trim(doc).(map[string]any)
	for k, v := range doc {
		if !topKeep(k) {
			continue
		}
		switch k {
		case "handlers": // their names; permissions and time-outs are not kept
			names := []string{}
			for h := range v.(map[string]any) {
				names = append(names, h)
			}
			sort.Strings(names)
			out[k] = names
		default:
			out[k] = v
		}
	}
	return out
}

// trim keeps the keywords of a schema that constrain values.
func trim(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	out := map[string]any{}
	for k, x := range m {
		switch k {
		case "properties", "patternProperties", "definitions", "dependentSchemas":
			if named, ok := x.(map[string]any); ok {
				o := map[string]any{}
				for n, s := range named {
					o[n] = trim(s)
				}
				out[k] = o
			}
		case "items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames":
			out[k] = trim(x)
		case "oneOf", "anyOf", "allOf", "prefixItems":
			if l, ok := x.([]any); ok {
				o := make([]any, len(l))
				for i := range l {
					o[i] = trim(l[i])
				}
				out[k] = o
			}
		case "$ref", "type", "required", "enum", "enumCaseInsensitive", "const", "pattern", "format", "minLength", "maxLength", "minimum", "maximum",
			"exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "uniqueItems", "insertionOrder", "arrayType", "minProperties",
			"maxProperties", "dependencies", "dependentRequired", "dependentExcluded", "requiredXor", "requiredOr", "uniqueKeys":
			out[k] = x
		}
	}
	return out
}

// pack writes the table: "VCFN1", the length of the dictionary and of the names, the number of types; dictionary; per type the
// end of its name and of its data (both 32 bits); names; data, each compressed by itself with the dictionary.
func pack(types []string, docs [][]byte) ([]byte, error) {
	dict := dictionary(docs)
	var names, data bytes.Buffer
	ends := make([]uint32, 0, 2*len(types))
	for i, t := range types {
		names.WriteString(t)
		w, err := flate.NewWriterDict(&data, flate.BestCompression, dict)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(docs[i]); err != nil {
			return nil, err
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		ends = append(ends, uint32(names.Len()), uint32(data.Len()))
	}
	var out bytes.Buffer
	out.WriteString("VCFN1")
	for _, n := range []int{len(dict), names.Len(), len(types)} {
		if err := binary.Write(&out, binary.LittleEndian, uint32(n)); err != nil {
			return nil, err
		}
	}
	out.Write(dict)
	if err := binary.Write(&out, binary.LittleEndian, ends); err != nil {
		return nil, err
	}
	out.Write(names.Bytes())
	out.Write(data.Bytes())
	return out.Bytes(), nil
}

// dictionary gives the 32 KiB of text that most schemas share: the quoted pieces that save the most, best last.
func dictionary(docs [][]byte) []byte {
	count := map[string]int{}
	for _, d := range docs {
		seen := map[string]bool{}
		for _, piece := range strings.SplitAfter(string(d), "},") {
			if len(piece) > 20 && len(piece) < 400 && !seen[piece] {
				seen[piece] = true
				count[piece]++
			}
		}
	}
	pieces := make([]string, 0, len(count))
	for p, n := range count {
		if n > 2 {
			pieces = append(pieces, p)
		}
	}
	gain := func(p string) int { return count[p] * len(p) }
	sort.Slice(pieces, func(i, j int) bool {
		if a, b := gain(pieces[i]), gain(pieces[j]); a != b {
			return a > b
		}
		return pieces[i] < pieces[j]
	})
	size := 0
	for i, p := range pieces {
		if size += len(p); size > 32<<10 {
			pieces = pieces[:i]
			break
		}
	}
	var out strings.Builder
	for i := len(pieces) - 1; i >= 0; i-- {
		out.WriteString(pieces[i])
	}
	return []byte(out.String())
}

// getAtts reads the package's list of attributes that Fn::GetAtt gives beside the read-only ones: "*" for types of which it
// gives every property, else names.
func getAtts(f *zip.File) (map[string]any, error) {
	if f == nil {
		return nil, fmt.Errorf("the package has no list of attributes")
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, fileBytesMax))
	if err != nil {
		return nil, err
	}
	section := func(from, to string) string {
		_, s, _ := strings.Cut(string(text), from)
		s, _, _ = strings.Cut(s, to)
		return s
	}
	quoted := regexp.MustCompile(`"([^"]+)"(: )?`)
	out := map[string]any{}
	of := ""
	for _, m := range quoted.FindAllStringSubmatch(section("\n_exceptions = {\n", "\n}\n"), -1) {
		if m[2] != "" {
			of = m[1]
			continue
		}
		l, _ := out[of].([]string)
		out[of] = append(l, m[1])
	}
	all := 0
	for _, m := range quoted.FindAllStringSubmatch(section("\n_all_property_types = [\n", "\n]\n"), -1) {
		out[m[1]] = "*"
		all++
	}
	if all < 20 || len(out) < all+20 {
		return nil, fmt.Errorf("the list of attributes has another form than expected")
	}
	return out, nil
}

func read(f *zip.File, into any) error {
	if f == nil {
		return fmt.Errorf("the package has no such file")
	}
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	d := json.NewDecoder(io.LimitReader(r, fileBytesMax))
	d.UseNumber()
	return d.Decode(into)
}

// openSource gives the package's files by name.
func openSource() (map[string]*zip.File, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cache, "virga")
	file := filepath.Join(dir, "cfn_lint-"+sourceVersion+"-py3-none-any.whl")
	data, err := os.ReadFile(file)
	if err != nil || !hashed(data) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		c := exec.Command("python3", "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", dir, "cfn-lint=="+sourceVersion)
		c.Stderr = os.Stderr
		if err := c.Run(); err != nil {
			return nil, fmt.Errorf("pip download cfn-lint==%s: %w", sourceVersion, err)
		}
		if data, err = os.ReadFile(file); err != nil {
			return nil, err
		}
		if !hashed(data) {
			return nil, fmt.Errorf("%s: sha256 is not %s", file, sourceHash)
		}
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	out := make(map[string]*zip.File, len(z.File))
	for _, f := range z.File {
		out[f.Name] = f
	}
	return out, nil
}

func hashed(data []byte) bool {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:]) == sourceHash
}
