package main

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"go/format"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

// endpoints is what is read of the package's endpoints.json.
type endpoints struct {
	Partitions []struct {
		Partition string
		DNSSuffix string `json:"dnsSuffix"`
		Regions   map[string]struct{ Description string }
		Services  map[string]struct {
			Endpoints         map[string]any
			PartitionEndpoint string
			IsRegionalized    *bool
		}
	}
}

const regionsMax = 64 // bits of a service's set

// generatePublic writes service/ssm/public_gen.go: which regions there are and which services have an endpoint in them.
func generatePublic(root string, src *source) error {
	var e endpoints
	var at time.Time
	for _, f := range src.zip.File {
		if f.Name == "botocore/data/endpoints.json" {
			r, err := f.Open()
			if err != nil {
				return err
			}
			err = json.NewDecoder(io.LimitReader(r, modelBytesMax)).Decode(&e)
			r.Close()
			if err != nil {
				return fmt.Errorf("%s: %w", f.Name, err)
			}
			at = f.Modified.UTC()
		}
	}
	if len(e.Partitions) == 0 || e.Partitions[0].Partition != "aws" {
		return errors.New("endpoints.json: the first partition is not aws")
	}
	p := e.Partitions[0]
	regions := make([]string, 0, len(p.Regions))
	for r := range p.Regions {
		regions = append(regions, r)
	}
	sort.Strings(regions)
	if len(regions) > regionsMax {
		return fmt.Errorf("%d regions are more than %d", len(regions), regionsMax)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%spackage ssm\n\n// publicSince is the date of the facts below: those of the partition %s, with the names that SDKs have for services.\nconst publicSince = %d\n\nconst publicDomain = %q\n\n", head, p.Partition, at.Unix(), p.DNSSuffix)
	b.WriteString("// publicRegions are the regions, in the order of the bits of publicServices.\nvar publicRegions = [...]struct{ name, long string }{\n")
	for _, r := range regions {
		fmt.Fprintf(&b, "{%q, %q},\n", r, p.Regions[r].Description)
	}
	b.WriteString("}\n\nvar publicServices = [...]struct {\n\tname, long string\n\tin uint64\n}{\n")
	names := map[string]string{} // folder of the package: path of its newest model
	versions := map[string]string{}
	for _, f := range src.zip.File {
		s := strings.Split(f.Name, "/")
		if len(s) == 5 && s[1] == "data" && strings.HasPrefix(s[4], "service-2.json") && s[3] > versions[s[2]] {
			versions[s[2]], names[s[2]] = s[3], f.Name
		}
	}
	folders := make([]string, 0, len(names))
	for n := range names {
		folders = append(folders, n)
	}
	sort.Strings(folders)
	for _, n := range folders {
		m, err := metadataOf(src, names[n])
		if err != nil {
			return fmt.Errorf("%s: %w", n, err)
		}
		s, ok := p.Services[m.EndpointPrefix]
		if !ok {
			continue // endpoints.json does not say where it is
		}
		var set uint64
		for i, r := range regions {
			_, there := s.Endpoints[r]
			if there || s.IsRegionalized != nil && !*s.IsRegionalized && r == "us-east-1" {
				set |= 1 << i
			}
		}
		if set != 0 {
			fmt.Fprintf(&b, "{%q, %q, %#x},\n", n, m.ServiceFullName, set)
		}
	}
	b.WriteString("}\n")
	out, err := format.Source([]byte(b.String()))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, "service", "ssm", "public_gen.go"), out, 0o644)
}

type metadata struct{ EndpointPrefix, ServiceFullName string }

// metadataOf reads the metadata of a model and nothing behind it.
func metadataOf(src *source, name string) (m metadata, err error) {
	f, err := src.zip.Open(name)
	if err != nil {
		return m, err
	}
	defer f.Close()
	var in io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if in, err = gzip.NewReader(f); err != nil {
			return m, err
		}
	}
	d := json.NewDecoder(io.LimitReader(in, modelBytesMax))
	if _, err := d.Token(); err != nil {
		return m, err
	}
	for d.More() {
		k, err := d.Token()
		if err != nil {
			return m, err
		}
		if k == "metadata" {
			return m, d.Decode(&m)
		}
		var skip json.RawMessage
		if err := d.Decode(&skip); err != nil {
			return m, err
		}
	}
	return m, errors.New("no metadata")
}
