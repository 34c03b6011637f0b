package ddbexpr

import (
	_ "embed"
	"strings"
	"sync"
)

// reservedText lists the words, one a line (Amazon DynamoDB Developer Guide, "Reserved words in DynamoDB", 573 words).
//
//go:embed reserved.txt
var reservedText string

var reservedWords = sync.OnceValue(func() map[string]struct{} {
	out := make(map[string]struct{}, 600)
	for w := range strings.FieldsSeq(reservedText) {
		out[w] = struct{}{}
	}
	return out
})

// Reserved tells whether an attribute's name cannot stand in an expression as it is. Case does not matter.
func Reserved(name string) bool {
	var buf [16]byte // the longest word has 14 letters
	if len(name) > len(buf) {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		buf[i] = c
	}
	_, ok := reservedWords()[string(buf[:len(name)])]
	return ok
}
