package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// levels are the access levels in the order of actions.Level.
var levels = []string{"List", "Read", "Write", "Permissions management", "Tagging"}

type service struct {
	Name       string `json:"service_name"`
	Prefix     string `json:"prefix"`
	Privileges map[string]struct {
		Level string `json:"access_level"`
		Types map[string]struct {
			Required bool     `json:"required"`
			Keys     []string `json:"condition_keys"`
			Also     []string `json:"dependent_actions"`
		} `json:"resource_types"`
	} `json:"privileges"`
	Resources map[string]struct {
		ARN  string   `json:"arn"`
		Keys []string `json:"condition_keys"`
	} `json:"resources"`
	Conditions map[string]struct {
		Type string `json:"type"`
	} `json:"conditions"`
}

// serviceActions writes the format that internal/policy/actions describes. Descriptions are left out.
func serviceActions(data []byte) ([]byte, error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, err
	}
	var index, blobs []byte
	n := 0
	for _, prefix := range slices.Sorted(maps.Keys(raw)) {
		if !strings.HasPrefix(string(raw[prefix]), "{") { // the schema's version
			continue
		}
		var s service
		if err := json.Unmarshal(raw[prefix], &s); err != nil {
			return nil, fmt.Errorf("%s: %w", prefix, err)
		}
		body, err := s.encode()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", prefix, err)
		}
		z, err := compress(body)
		if err != nil {
			return nil, err
		}
		index = binary.AppendUvarint(index, uint64(len(prefix)))
		index = append(index, prefix...)
		index = binary.AppendUvarint(index, uint64(len(z)))
		index = binary.AppendUvarint(index, uint64(len(body)))
		blobs = append(blobs, z...)
		n++
	}
	out := binary.BigEndian.AppendUint32(nil, uint32(n))
	out = binary.BigEndian.AppendUint32(out, uint32(len(index)))
	return slices.Concat(out, index, blobs), nil
}

// encode writes a service's strings, sorted and once each, and its tables with numbers for them.
func (s *service) encode() ([]byte, error) {
	seen := map[string]uint64{}
	add := func(l ...string) {
		for _, x := range l {
			seen[x] = 0
		}
	}
	add(s.Name)
	for name, p := range s.Privileges {
		add(name)
		for t, d := range p.Types {
			add(t)
			add(d.Keys...)
			add(d.Also...)
		}
	}
	for name, r := range s.Resources {
		add(name, r.ARN)
		add(r.Keys...)
	}
	for name, c := range s.Conditions {
		add(name, c.Type)
	}
	b := binary.AppendUvarint(nil, uint64(len(seen)))
	for i, x := range slices.Sorted(maps.Keys(seen)) {
		seen[x] = uint64(i)
		b = binary.AppendUvarint(b, uint64(len(x)))
		b = append(b, x...)
	}
	num := func(n uint64) { b = binary.AppendUvarint(b, n) }
	str := func(x string) { num(seen[x]) }
	list := func(l []string) {
		num(uint64(len(l)))
		for _, x := range slices.Sorted(slices.Values(l)) {
			str(x)
		}
	}
	str(s.Name)
	num(uint64(len(s.Privileges)))
	for _, name := range slices.SortedFunc(maps.Keys(s.Privileges), func(a, b string) int {
		return strings.Compare(strings.ToLower(a), strings.ToLower(b))
	}) {
		p := s.Privileges[name]
		level := slices.Index(levels, p.Level)
		if level < 0 {
			return nil, fmt.Errorf("%s: unknown access level %q", name, p.Level)
		}
		str(name)
		num(uint64(level))
		num(uint64(len(p.Types)))
		for _, t := range slices.Sorted(maps.Keys(p.Types)) {
			d := p.Types[t]
			str(t)
			required := uint64(0)
			if d.Required {
				required = 1
			}
			num(required)
			list(d.Keys)
			list(d.Also)
		}
	}
	num(uint64(len(s.Resources)))
	for _, name := range slices.Sorted(maps.Keys(s.Resources)) {
		str(name)
		str(s.Resources[name].ARN)
		list(s.Resources[name].Keys)
	}
	num(uint64(len(s.Conditions)))
	for _, name := range slices.Sorted(maps.Keys(s.Conditions)) {
		str(name)
		str(s.Conditions[name].Type)
	}
	return b, nil
}
