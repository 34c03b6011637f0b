package asl

import (
	"encoding/json"
	"errors"
	"strings"

	"virga/internal/jsonata"
	"virga/internal/jsonpath"
)

// Document is one JSON document: its text, and its values where somebody has asked for them. Text that passes through a
// machine unchanged is never parsed.
type Document struct {
	text   string
	path   any
	ata    jsonata.Value
	isPath bool
	isAta  bool
	isText bool
}

// NewDocument is the document of a text, which must be valid JSON.
func NewDocument(text string) *Document { return &Document{text: text, isText: true} }

func ofPath(v any) *Document { return &Document{path: v, isPath: true} }

func ofAta(v jsonata.Value) *Document { return &Document{ata: v, isAta: true} }

var emptyObject = frozen(NewDocument("{}"))

// frozen fills a document that many executions share.
func frozen(d *Document) *Document {
	d.Text()
	d.jsonpath()
	d.jsonata()
	return d
}

// Text is the document as JSON.
func (d *Document) Text() string {
	if !d.isText {
		d.isText = true
		switch {
		case d.isPath:
			d.text = string(jsonpath.Encode(d.path))
		case d.isAta:
			d.text = d.ata.JSON()
		}
	}
	return d.text
}

func (d *Document) jsonpath() any {
	if !d.isPath {
		d.path, _ = jsonpath.Decode([]byte(d.Text()))
		d.isPath = true
	}
	return d.path
}

func (d *Document) jsonata() jsonata.Value {
	if !d.isAta {
		d.ata, _ = jsonata.ParseJSON([]byte(d.Text()))
		d.isAta = true
	}
	return d.ata
}

// MarshalJSON keeps the text as a string.
func (d *Document) MarshalJSON() ([]byte, error) { return json.Marshal(d.Text()) }

// UnmarshalJSON is the reverse of MarshalJSON.
func (d *Document) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	*d = Document{text: s, isText: true}
	return nil
}

// quoted is a JSON string.
func quoted(s string) string { return string(jsonpath.Encode(strings.ToValidUTF8(s, "\ufffd"))) }

// listOf joins documents into an array, text by text.
func listOf(items []*Document) *Document {
	n := 2
	for _, d := range items {
		n += len(d.Text()) + 1
	}
	var b strings.Builder
	b.Grow(n)
	b.WriteByte('[')
	for i, d := range items {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(d.Text())
	}
	b.WriteByte(']')
	return NewDocument(b.String())
}

// tooDeep says whether a valid JSON text is nested more than DocumentDepthMax deep.
func tooDeep(s string) bool {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			for i++; i < len(s) && s[i] != '"'; i++ {
				if s[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			if depth++; depth > DocumentDepthMax {
				return true
			}
		case '}', ']':
			depth--
		}
	}
	return false
}

// InputError is why a text is no input of an execution.
type InputError struct{ Reason string }

func (e *InputError) Error() string {
	return "Invalid State Machine Execution Input: '" + e.Reason + "'"
}

// ParseInput reads the input of an execution, "" being {}. Its errors are *InputError, in the words of StartExecution.
func ParseInput(text string) (*Document, error) {
	if text == "" {
		return NewDocument("{}"), nil
	}
	if len(text) > DataBytesMax {
		return nil, &InputError{"Input exceeds the maximum number of bytes"}
	}
	if _, err := readJSON(text); err != nil {
		var s *syntaxError
		if errors.As(err, &s) {
			return nil, &InputError{s.what}
		}
		return nil, &InputError{"Invalid execution input."}
	}
	return NewDocument(text), nil
}
