package runtime

import (
	"slices"
	"strings"
)

// Runtime is one row of the table of runtimes (AWS Lambda Developer Guide, Lambda runtimes).
type Runtime struct {
	Identifier string // "python3.12"
	Family     string // "python", "nodejs", "provided"
	Version    string // "3.12", "20.x", "al2023"
	Deprecated string // date from which AWS calls it deprecated, YYYY-MM-DD; "" when none is set
}

// runtimes are those that can be run. The dates are AWS's as last read; AWS moves them.
var runtimes = []Runtime{
	{"python3.8", "python", "3.8", "2024-10-14"},
	{"python3.9", "python", "3.9", "2025-12-15"},
	{"python3.10", "python", "3.10", "2026-10-31"},
	{"python3.11", "python", "3.11", "2027-06-30"},
	{"python3.12", "python", "3.12", "2028-10-31"},
	{"python3.13", "python", "3.13", "2029-06-30"},
	{"python3.14", "python", "3.14", "2029-06-30"},
	{"nodejs16.x", "nodejs", "16.x", "2024-06-12"},
	{"nodejs18.x", "nodejs", "18.x", "2025-09-01"},
	{"nodejs20.x", "nodejs", "20.x", "2026-04-30"},
	{"nodejs22.x", "nodejs", "22.x", "2027-04-30"},
	{"nodejs24.x", "nodejs", "24.x", "2028-04-30"},
	{"provided.al2", "provided", "al2", "2026-07-31"},
	{"provided.al2023", "provided", "al2023", "2029-06-30"},
}

// Lookup gives the row of an identifier.
func Lookup(identifier string) (Runtime, bool) {
	for _, r := range runtimes {
		if r.Identifier == identifier {
			return r, true
		}
	}
	return Runtime{}, false
}

// Identifiers lists the runtimes that can be run.
func Identifiers() []string {
	out := make([]string, 0, len(runtimes))
	for _, r := range runtimes {
		out = append(out, r.Identifier)
	}
	return out
}

// DeprecatedAt tells whether AWS calls a runtime deprecated on a date, YYYY-MM-DD.
func (r Runtime) DeprecatedAt(date string) bool { return r.Deprecated != "" && date >= r.Deprecated }

// major is the part of a version that interpreters are told apart by: 3.12 for Python, 20 for Node.js.
func (r Runtime) major() string { return strings.TrimSuffix(r.Version, ".x") }

// Families lists the families with a bootstrap.
func Families() []string {
	var out []string
	for _, r := range runtimes {
		if !slices.Contains(out, r.Family) {
			out = append(out, r.Family)
		}
	}
	return out
}
