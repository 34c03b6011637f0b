package eventpattern

import (
	"bufio"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// TestAgreesWithEventRuler asks the reference about generated rules and events; test/eventruler/run.sh starts it.
func TestAgreesWithEventRuler(t *testing.T) {
	command := strings.Fields(os.Getenv("VIRGA_EVENT_RULER"))
	if len(command) == 0 {
		t.Skip("VIRGA_EVENT_RULER names no judge; make event-ruler does")
	}
	cases, err := strconv.Atoi(os.Getenv("VIRGA_CASES"))
	if err != nil {
		t.Fatal(err)
	}
	judge := exec.Command(command[0], command[1:]...)
	judge.Stderr = os.Stderr
	in, err := judge.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := judge.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := judge.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = in.Close()
		if err := judge.Wait(); err != nil {
			t.Error(err)
		}
	}()
	type question struct {
		Pattern string `json:"pattern"`
		Event   string `json:"event"`
	}
	type answer struct {
		Refused, Failed *string
		Match, Older    bool
	}
	const batch = 256
	ask, tell := json.NewEncoder(in), json.NewDecoder(bufio.NewReader(out))
	ask.SetEscapeHTML(false)
	g := generator{rand.New(rand.NewPCG(7, 11))}
	var refused, positions, met, failed, known, different int
	for done := 0; done < cases; done += batch {
		questions := make([]question, batch)
		sent := make(chan error, 1)
		for i := range questions {
			q := question{g.pattern(0), g.event(0)}
			if i%4 == 0 {
				q.Pattern = g.spoilt()
			}
			questions[i] = q
		}
		go func() {
			for _, q := range questions {
				if err := ask.Encode(q); err != nil {
					sent <- err
					return
				}
			}
			sent <- nil
		}()
		for _, q := range questions {
			var a answer
			if err := tell.Decode(&a); err != nil {
				t.Fatal(err)
			}
			p, err := Parse(q.Pattern, Limits{Complexity: 100})
			switch {
			case a.Failed != nil:
				failed++
			case a.Refused != nil && err != nil:
				refused++
				if got := err.Error(); got != *a.Refused {
					if first(got) != first(*a.Refused) {
						different++
						t.Errorf("%s\n refused with %s\n     not with %s", q.Pattern, got, *a.Refused)
					} else {
						positions++
						if positions < 3 {
							t.Logf("%s\n position %s\n      not %s", q.Pattern, got, *a.Refused)
						}
					}
				}
			case a.Refused != nil || err != nil:
				different++
				if a.Refused != nil {
					t.Errorf("%s\n taken, the reference says %s", q.Pattern, *a.Refused)
				} else {
					t.Errorf("%s\n refused: %v", q.Pattern, err)
				}
			default:
				got, err := p.Match([]byte(q.Event))
				if err == nil && got != a.Match && (got == a.Older || explained(q.Pattern, got)) {
					known++
				} else if err != nil || got != a.Match {
					different++
					t.Errorf("%s\n %s\n got %v, %v", q.Pattern, q.Event, got, err)
				}
				if got {
					met++
				}
			}
			if different > 20 {
				t.FailNow()
			}
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d cases: %d met, %d refused by both (%d at another position), %d where the reference failed, %d different as README.md explains, %d different otherwise", cases, met, refused, positions, failed, known, different)
	if met < cases/20 {
		t.Errorf("%d of %d events meet their pattern: the test asks too little", met, cases)
	}
}

// explained says whether the difference is one of those that README.md names.
func explained(pattern string, got bool) bool {
	if strings.Contains(pattern, `"cidr"`) && !got {
		return true // a number taken for an address
	}
	return strings.Contains(pattern, `"wildcard"`) && strings.Contains(pattern, `"equals-ignore-case"`)
}

func first(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
