package eventpattern

import (
	"bytes"
	"fmt"
)

// wildcard is a text whose unescaped asterisks stand for any characters: the pieces between them.
type wildcard struct {
	pieces [][]byte
	codes  []int16 // byte, or star
}

const star = -1

// parseWildcard reads the text between its quotes; positions in refusals count the opening quote, as the reference's.
func parseWildcard(text string) (*wildcard, error) {
	s := `"` + text + `"`
	w := &wildcard{}
	var piece []byte
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '*':
			if s[i+1] == '*' {
				return nil, fmt.Errorf("Consecutive wildcard characters at pos %d", i)
			}
			w.pieces = append(w.pieces, piece)
			w.codes = append(w.codes, star)
			piece = nil
		case c == '\\':
			n := s[i+1]
			if n != '*' && n != '\\' {
				return nil, fmt.Errorf("Invalid escape character at pos %d", i)
			}
			piece = append(piece, n)
			w.codes = append(w.codes, int16(n))
			i++
		default:
			piece = append(piece, c)
			w.codes = append(w.codes, int16(c))
		}
	}
	w.pieces = append(w.pieces, piece)
	return w, nil
}

// match looks at each byte of v once for every piece at most.
func (w *wildcard) match(v []byte) bool {
	first, last := w.pieces[0], w.pieces[len(w.pieces)-1]
	if len(w.pieces) == 1 {
		return bytes.Equal(v, first)
	}
	if len(v) < len(first)+len(last) || !bytes.HasPrefix(v, first) || !bytes.HasSuffix(v, last) {
		return false
	}
	v = v[len(first) : len(v)-len(last)]
	for _, piece := range w.pieces[1 : len(w.pieces)-1] {
		at := bytes.Index(v, piece)
		if at < 0 {
			return false
		}
		v = v[at+len(piece):]
	}
	return true
}

// setsMax, with eight for every character, is how many sets of states complexity looks at before it calls the wildcards
// too complex; codesMax bounds one wildcard's characters.
const (
	setsMax  = 2000
	codesMax = 1<<16 - 1
)

// complexity is the largest number of states of an automaton of the wildcards that one value reaches at once, counting
// the states behind an asterisk that the next character may enter: event-ruler's own measure. It stops above limit.
func complexity(all []*wildcard, limit int) int {
	type set = string // of states in order: index of the wildcard and of its code, three bytes each
	state := func(p, i int) string { return string([]byte{byte(p), byte(i >> 8), byte(i)}) }
	if len(all) > limit {
		return limit + 1
	}
	var start []byte
	sets := setsMax
	for p := range all {
		if len(all[p].codes) > codesMax {
			return limit + 1
		}
		sets += 8 * len(all[p].codes)
		start = append(start, state(p, 0)...)
	}
	seen := map[set]bool{string(start): true}
	queue := []set{string(start)}
	most := 0
	for len(queue) > 0 {
		now := queue[0]
		queue = queue[1:]
		in := make(map[string]bool, len(now)/3)
		for i := 0; i < len(now); i += 3 {
			in[now[i:i+3]] = true
		}
		size := 0
		wanted := map[int16]bool{}
		for i := 0; i < len(now); i += 3 {
			p, at := int(now[i]), int(now[i+1])<<8|int(now[i+2])
			codes := all[p].codes
			size++
			for next := at + 1; next < len(codes) && next <= at+2; next++ {
				if codes[next] != star {
					wanted[codes[next]] = true
					break
				}
				if !in[state(p, next)] {
					size++
				}
			}
		}
		if most = max(most, size); most > limit {
			return most
		}
		wanted[star] = true // any other byte
		for b := range wanted {
			var to []byte
			add := func(p, i int) {
				s := state(p, i)
				for k := 0; k < len(to); k += 3 {
					if string(to[k:k+3]) == s {
						return
					}
				}
				to = append(to, s...)
			}
			for i := 0; i < len(now); i += 3 {
				p, at := int(now[i]), int(now[i+1])<<8|int(now[i+2])
				codes := all[p].codes
				if codes[at] == star {
					add(p, at)
				}
				if at+1 == len(codes) {
					continue
				}
				if codes[at+1] == star {
					add(p, at+1)
					if codes[at+2] == b && b != star {
						add(p, at+2)
					}
				} else if codes[at+1] == b {
					add(p, at+1)
				}
			}
			if len(to) == 0 || seen[string(to)] {
				continue
			}
			if len(seen) >= sets {
				return limit + 1
			}
			seen[string(to)] = true
			queue = append(queue, string(to))
		}
	}
	return most
}
