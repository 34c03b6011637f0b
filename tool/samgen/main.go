// Command samgen writes the tables of internal/sam from the pinned aws-sam-translator package, checked by its hash:
// policy templates, connector profiles, managed policy names, and which properties each resource and event takes.
// They are facts about the language; none of the package's code or prose is taken over.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"virga/tool/internal/module"
)

//go:generate go run .

const (
	sourceVersion = "1.115.0"
	sourceHash    = "9be2d7b04041a64e89ed3fb1186f948377ecc118033a8a7538f271d4bcab0afa"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "samgen:", err)
		os.Exit(1)
	}
}

func run() error {
	root, err := module.Root()
	if err != nil {
		return err
	}
	wheel, err := openSource()
	if err != nil {
		return err
	}
	c := exec.Command("python3", filepath.Join(root, "tool", "samgen", "facts.py"), wheel)
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return fmt.Errorf("facts.py: %w", err)
	}
	var tables map[string]json.RawMessage
	if err := json.Unmarshal(out, &tables); err != nil {
		return fmt.Errorf("facts.py: %w", err)
	}
	for _, name := range []string{"policy_templates", "connectors", "managed_policies", "schema"} {
		t, ok := tables[name]
		if !ok {
			return fmt.Errorf("facts.py gave no table %s", name)
		}
		var b bytes.Buffer
		if err := json.Indent(&b, t, "", " "); err != nil {
			return err
		}
		b.WriteByte('\n')
		if err := os.WriteFile(filepath.Join(root, "internal", "sam", "tables", name+"_gen.json"), b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// openSource gives the path of the package, downloaded once into the user's cache.
func openSource() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "virga")
	file := filepath.Join(dir, "aws_sam_translator-"+sourceVersion+"-py3-none-any.whl")
	if hashed(file) {
		return file, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	c := exec.Command("python3", "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", dir, "aws-sam-translator=="+sourceVersion)
	c.Stderr = os.Stderr
	if err := c.Run(); err != nil {
		return "", fmt.Errorf("pip download aws-sam-translator==%s: %w", sourceVersion, err)
	}
	if !hashed(file) {
		return "", fmt.Errorf("%s: sha256 is not %s", file, sourceHash)
	}
	return file, nil
}

func hashed(file string) bool {
	data, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:]) == sourceHash
}
