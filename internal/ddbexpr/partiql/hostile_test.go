package partiql

import (
	"strings"
	"testing"
	"time"

	"virga/internal/ddbexpr/attr"
)

// TestHostile ends the longest statements of each kind by their own bytes or a named limit; times are printed.
func TestHostile(t *testing.T) {
	fill := func(head, one, sep, tail string) string {
		n := (8192 - len(head) - len(tail)) / (len(one) + len(sep))
		return head + strings.Repeat(one+sep, n-1) + one + tail
	}
	for _, text := range []string{
		fill("SELECT * FROM t WHERE ", "a=1", " AND ", ""),
		fill("SELECT * FROM t WHERE ", "(", "", ""),
		fill("SELECT * FROM t WHERE ", "((((a)=1)))", " OR ", ""),
		fill("SELECT * FROM t WHERE pk IN (", "?", ",", ")"),
		fill("UPDATE t SET ", "a=1", ",", " WHERE pk='a' AND sk=1"),
		fill("UPDATE t REMOVE ", "a[1]", ",", " WHERE pk='a' AND sk=1"),
		fill("INSERT INTO t VALUE {'pk':'a','sk':1,'s':<<", "1", ",", ">>}"),
		fill("INSERT INTO t VALUE {'pk':'a','sk':1,'l':[", "{}", ",", "]}"),
		fill("SELECT ", "a", ".", " FROM t"),
		fill("SELECT * FROM t WHERE a", "[1]", "", "=1"),
	} {
		begin := time.Now()
		s, err := Parse(text, Limits{})
		if err == nil {
			params := make([]attr.Value, s.Parameters)
			for i := range params {
				params[i] = attr.NullValue()
			}
			_, err = s.Plan(schema, params)
		}
		said := "taken"
		if err != nil {
			said = err.Error()
		}
		t.Logf("%v %.30s…: %.90s", time.Since(begin), text, said)
	}
}
