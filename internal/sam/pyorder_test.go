package sam

import (
	"strings"
	"testing"
)

// TestPyOrder holds orders of Python 2.7 dictionaries.
func TestPyOrder(t *testing.T) {
	for _, c := range []struct{ keys, want string }{
		{"a b c", "a c b"},
		{"swagger info paths", "info paths swagger"},
		{"get post put delete", "put post delete get"},
	} {
		m := pyMap()
		for _, k := range strings.Fields(c.keys) {
			m.Set(k, nil)
		}
		if got := strings.Join(m.Keys(), " "); got != c.want {
			t.Errorf("%s: got %s, want %s", c.keys, got, c.want)
		}
	}
}

func TestPyText(t *testing.T) {
	v := []any{nil, true, int64(1), 2.0, 1e22, "it's", ustr("é\n"), NewMap("k", ustr(`a"'b`))}
	if got, want := pyRepr(v), `[None, True, 1, 2.0, 1e+22, "it's", u'\xe9\n', {'k': u'a"\'b'}]`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := pyJSON(NewMap("a", "é😀", "b", []any{1.5, false})), `{"a": "\u00e9\ud83d\ude00", "b": [1.5, false]}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestMap(t *testing.T) {
	m := NewMap()
	for i := range 100 {
		m.Set(strings.Repeat("k", i+1), int64(i))
	}
	for i := 0; i < 100; i += 2 {
		m.Delete(strings.Repeat("k", i+1))
	}
	m.Set("k", int64(-1))
	if m.Len() != 51 || len(m.Keys()) != 51 || m.get("kk") != int64(1) || m.Has("kkk") || m.Keys()[50] != "k" {
		t.Error("map lost its way", m.Len(), m.Keys()[0])
	}
	if c := m.clone(); !equal(c, m) || c.Len() != 51 {
		t.Error("clone differs")
	}
}
