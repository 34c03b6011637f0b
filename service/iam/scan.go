package iam

import (
	"encoding/json"
	"strings"
)

// place is a part of a document's text.
type place struct {
	from, to int
	text     string // of a string: decoded
}

// scan finds the AWS principals and the statements of a document that is known to be right.
func scan(doc string) (principals, statements []place) {
	dec := json.NewDecoder(strings.NewReader(doc))
	var value func(path string) bool
	value = func(path string) bool {
		from := int(dec.InputOffset())
		for from < len(doc) && strings.IndexByte(" \t\r\n:,", doc[from]) >= 0 {
			from++
		}
		t, err := dec.Token()
		if err != nil {
			return false
		}
		switch t {
		case json.Delim('{'):
			for dec.More() {
				k, err := dec.Token()
				if err != nil || !value(path+"/"+k.(string)) {
					return false
				}
			}
			if _, err := dec.Token(); err != nil {
				return false
			}
			if path == "/Statement" {
				statements = append(statements, place{from: from, to: int(dec.InputOffset())})
			}
		case json.Delim('['):
			for dec.More() {
				if !value(path) {
					return false
				}
			}
			if _, err := dec.Token(); err != nil {
				return false
			}
		default:
			if s, ok := t.(string); ok && (path == "/Statement/Principal/AWS" || path == "/Statement/NotPrincipal/AWS") {
				principals = append(principals, place{from, int(dec.InputOffset()), s})
			}
		}
		return true
	}
	value("")
	return principals, statements
}

// rewrite gives a document whose AWS principals are what f makes of them; the rest of the text stays as it is.
func rewrite(doc string, f func(principal string) string) string {
	places, _ := scan(doc)
	var b strings.Builder
	at := 0
	for _, p := range places {
		if n := f(p.text); n != p.text {
			q, err := json.Marshal(n)
			if err != nil {
				continue
			}
			b.WriteString(doc[at:p.from])
			b.Write(q)
			at = p.to
		}
	}
	b.WriteString(doc[at:])
	return b.String()
}
