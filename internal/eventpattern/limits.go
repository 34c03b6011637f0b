package eventpattern

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits bound what a pattern may be. A zero member takes the value that its sentence names.
type Limits struct {
	Bytes        int // of the pattern's text; 4096, as the model of PutRule says
	Depth        int // of nested objects and arrays; 1000, as event-ruler's JSON reader
	Combinations int // of the branches that $or makes; 1000
	Fields       int // that one branch may name; 256, event-ruler's limit
	Complexity   int // of the wildcards of one field, in states that one value may reach at once; 10
	Values       int // in all lists of the pattern together; 10000
}

// defaults for the members that the caller left at zero.
func (l Limits) filled() Limits {
	or := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	or(&l.Bytes, 4096)
	or(&l.Depth, 1000)
	or(&l.Combinations, 1000)
	or(&l.Fields, 256)
	or(&l.Complexity, 10)
	or(&l.Values, 10000)
	return l
}

// Error says why a pattern is refused, in event-ruler's words.
type Error struct {
	Reason string // one line, without the position
	Line   int    // from 1; 0 where the reference names no position
	Column int    // from 1, in UTF-16 units
	source string
}

// Code is the name of the error that EventBridge answers.
const Code = "InvalidEventPatternException"

// Error is the reason with the position, as event-ruler words it.
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Reason
	}
	return e.Reason + "\n at " + location(e.source, e.Line, e.Column)
}

// Message is what EventBridge answers with Code.
func (e *Error) Message() string { return "Event pattern is not valid. Reason: " + e.Error() }

// sourceBytesShown of a pattern stand in a message, as the JSON reader of the reference shows them.
const sourceBytesShown = 500

func location(source string, line, column int) string {
	shown, rest := source, ""
	if n := utf16Len(source); n > sourceBytesShown {
		cut, units := 0, 0
		for units < sourceBytesShown {
			r, size := utf8.DecodeRuneInString(source[cut:])
			units += unitsOf(r)
			cut += size
		}
		shown = source[:cut]
		rest = "[truncated " + strconv.Itoa(n-units) + " chars]"
	}
	var b strings.Builder
	b.WriteString(`[Source: (String)"`)
	for _, r := range shown {
		if r < 0x20 && r != '\n' && r != '\r' {
			b.WriteString(`\u00`)
			b.WriteByte("0123456789ABCDEF"[r>>4])
			b.WriteByte("0123456789ABCDEF"[r&15])
			continue
		}
		b.WriteRune(r)
	}
	b.WriteString(`"` + rest + "; line: " + strconv.Itoa(line) + ", column: " + strconv.Itoa(column) + "]")
	return b.String()
}

func unitsOf(r rune) int {
	if r > 0xffff {
		return 2
	}
	return 1
}

func utf16Len(s string) int {
	n := 0
	for _, r := range s {
		n += unitsOf(r)
	}
	return n
}

// position gives line and column of a byte offset.
func position(s string, offset int) (line, column int) {
	line, start := 1, 0
	for i := 0; i < offset && i < len(s); i++ {
		switch {
		case s[i] == '\n':
			line, start = line+1, i+1
		case s[i] == '\r' && (i+1 == len(s) || s[i+1] != '\n'):
			line, start = line+1, i+1
		}
	}
	if offset > len(s) {
		return line, utf16Len(s[start:]) + 1 + offset - len(s)
	}
	return line, utf16Len(s[start:offset]) + 1
}
