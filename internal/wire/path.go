package wire

import (
	"strconv"
	"strings"
)

// step is one step into an input: a member, an element of a list (from 1) or a value of a map.
type step struct {
	m   *Member
	idx int
	key string
}

// path is where in an input a codec or the validator is, and what it found missing.
type path struct {
	steps []step
	nulls []string
}

func (p *path) push(m *Member)   { p.steps = append(p.steps, step{m: m}) }
func (p *path) pushIndex(i int)  { p.steps = append(p.steps, step{idx: i + 1}) }
func (p *path) pushKey(k string) { p.steps = append(p.steps, step{key: k}) }
func (p *path) pop()             { p.steps = p.steps[:len(p.steps)-1] }
func (p *path) null(m *Member) {
	if len(p.nulls) < ErrorsMax {
		p.nulls = append(p.nulls, p.render(m))
	}
}

// render gives the path in AWS's form: tags.1.member.key.
func (p *path) render(last *Member) string {
	var b strings.Builder
	dot := func() {
		if b.Len() > 0 {
			b.WriteByte('.')
		}
	}
	for _, s := range p.steps {
		dot()
		switch {
		case s.m != nil:
			b.WriteString(lowerFirst(s.m.Name))
		case s.idx > 0:
			b.WriteString(strconv.Itoa(s.idx))
			b.WriteString(".member")
		default:
			b.WriteString(s.key)
			b.WriteString(".member")
		}
	}
	if last != nil {
		dot()
		b.WriteString(lowerFirst(last.Name))
	}
	return b.String()
}

func lowerFirst(s string) string {
	if s == "" || s[0] < 'A' || s[0] > 'Z' {
		return s
	}
	return string(s[0]+'a'-'A') + s[1:]
}
