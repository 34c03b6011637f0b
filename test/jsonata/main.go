// Command jsonata compares internal/jsonata with the reference engine on generated expressions.
//
//	go run ./test/jsonata -n 100000 -seed 1
//
// The reference is started as `node reference.js` with JSONATA_REFERENCE naming its folder; `make jsonata-diff` installs
// it, pinned by version and integrity. Differences that the package's README explains are counted by reason; any other
// is printed, and the command fails.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"virga/internal/jsonata"
)

// now is the time of both engines.
const now = 1_700_000_123_456

type question struct {
	Expr string          `json:"expr"`
	Data json.RawMessage `json:"data"`
}

type answer struct {
	Result    json.RawMessage `json:"result"`
	Undefined bool            `json:"undefined"`
	Code      string          `json:"code"`
	Message   string          `json:"message"`
	Position  *float64        `json:"position"`
	Token     json.RawMessage `json:"token"`
	Host      string          `json:"host"`
}

func main() {
	n := flag.Int("n", 100_000, "expressions")
	seed := flag.Uint64("seed", 1, "seed of the generator")
	show := flag.Int("show", 20, "differences to print")
	misplaced := flag.Int("misplaced", 0, "errors to print whose position or message differs")
	flag.Parse()
	if err := run(*n, *seed, *show, *misplaced); err != nil {
		fmt.Fprintln(os.Stderr, "jsonata:", err)
		os.Exit(1)
	}
}

// batch is how many expressions one process of the reference is given.
const batch = 2000

// report counts what came of the comparison.
type report struct {
	counts               map[string]int
	values, errs, placed int
	show, misplaced      int
}

func run(n int, seed uint64, show, misplaced int) error {
	g := &generator{r: rand.New(rand.NewPCG(seed, 7))}
	r := report{counts: map[string]int{}, show: show, misplaced: misplaced}
	for done := 0; done < n; {
		questions := make([]question, min(batch, n-done))
		for i := range questions {
			questions[i] = question{g.expr(1 + g.r.IntN(4)), json.RawMessage(documents[g.r.IntN(len(documents))])}
		}
		done += len(questions)
		for len(questions) > 0 {
			answered, err := ask(questions, &r)
			if err != nil {
				return err
			}
			if answered < len(questions) {
				r.counts["reference ended itself (memory, or more than ten seconds)"]++
				answered++
			}
			questions = questions[answered:]
		}
	}
	reasons := slices.Sorted(maps.Keys(r.counts))
	for _, why := range reasons {
		fmt.Printf("%8d %s\n", r.counts[why], why)
	}
	fmt.Printf("%d values, %d errors, %d of them with the same position and message\n", r.values, r.errs, r.placed)
	if r.counts["different"] > 0 {
		return fmt.Errorf("%d of %d differ", r.counts["different"], n)
	}
	return nil
}

// ask puts questions to one process of the reference, and says how many it answered before it ended.
func ask(questions []question, r *report) (int, error) {
	_, here, _, _ := runtime.Caller(0)
	cmd := exec.Command("node", "--max-old-space-size=512", filepath.Join(filepath.Dir(here), "reference.js"))
	cmd.Env = append(os.Environ(), fmt.Sprint("JSONATA_NOW=", now))
	in, err := cmd.StdinPipe()
	if err != nil {
		return 0, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	go func() {
		e := json.NewEncoder(in)
		e.SetEscapeHTML(false)
		for _, q := range questions {
			if e.Encode(q) != nil {
				return // the process ended; the reader says so
			}
		}
		in.Close()
	}()
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 256<<20)
	answered := 0
	for answered < len(questions) {
		late := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
		more := lines.Scan()
		late.Stop()
		if !more {
			break
		}
		if err := r.judge(questions[answered], lines.Bytes()); err != nil {
			return answered, err
		}
		answered++
	}
	cmd.Process.Kill()
	cmd.Wait() // it was killed, or had ended: neither is news
	return answered, nil
}

func (r *report) judge(q question, line []byte) error {
	var a answer
	if err := json.Unmarshal(line, &a); err != nil {
		return err
	}
	ours, err := evaluate(q)
	why := compare(q, a, ours, err)
	r.counts[why]++
	if why == "different" && r.counts[why] <= r.show {
		fmt.Printf("%s\n  on     %.60s\n  theirs %s\n  ours   %s %v\n", q.Expr, q.Data, clip(string(line)), clip(ours.JSON()), err)
	}
	if a.Code == "" {
		r.values++
		return nil
	}
	r.errs++
	var e *jsonata.Error
	position := -1
	if a.Position != nil {
		position = int(*a.Position)
	}
	switch {
	case !errors.As(err, &e):
	case e.Position == position && e.Error() == a.Message:
		r.placed++
	case why == "alike" && r.misplaced > 0:
		r.misplaced--
		fmt.Printf("%s\n  theirs %s\n  ours   %d %v\n", q.Expr, clip(string(line)), e.Position, err)
	}
	return nil
}

func clip(s string) string { return s[:min(len(s), 300)] }

func evaluate(q question) (jsonata.Value, error) {
	p, err := jsonata.Compile(q.Expr, jsonata.Options{})
	if err != nil {
		return jsonata.Value{}, err
	}
	data, err := jsonata.ParseJSON(q.Data)
	if err != nil {
		return jsonata.Value{}, err
	}
	return p.Eval(jsonata.Call{Input: data, Millis: now, Chance: rand.Uint64})
}

// compare says "alike", "different", or why a difference is meant; the reasons stand in the package's README.
func compare(q question, a answer, v jsonata.Value, err error) string {
	var e *jsonata.Error
	switch {
	case strings.Contains(string(a.Result), "async function"):
		return "the reference shows the source of a callback as text"
	case errors.As(err, &e) && e.Code == "D3012":
		return "a function as the replacement of a text is refused here"
	case a.Host != "":
		return "reference stops with an exception of its host language"
	case errors.As(err, &e) && e.Limit != "" && a.Code != e.Code:
		return "ended by a limit here"
	case a.Code == "D1011" || a.Code == "D1012":
		return "ended by a limit of the reference"
	case err != nil != (a.Code != "") && regexDefault.MatchString(q.Expr):
		return "the reference loses a regular expression left of ?: or ??"
	case err != nil && a.Code != "":
		switch {
		case e == nil:
			return "different"
		case e.Code != a.Code && strings.ContainsAny(q.Expr, "[{"):
			return "another of several errors comes first"
		case e.Code != a.Code:
			return "different"
		}
		return "alike"
	case err != nil || a.Code != "":
		return "different"
	case v.IsUndefined() || v.Kind() == jsonata.FunctionKind:
		if a.Undefined {
			return "alike"
		}
		return "different"
	}
	w, perr := jsonata.ParseJSON(a.Result)
	switch {
	case !a.Undefined && perr == nil && alike(v, w):
		return "alike"
	case strings.Contains(q.Expr, "😀") && strings.Contains(q.Expr, "/"):
		return "a regular expression meets half a surrogate pair in the reference"
	case strings.Contains(q.Expr, "$power("):
		return "the last digits of a power"
	case sequenceWildcard.MatchString(q.Expr):
		return "the reference shows its own mark as a member of a sequence"
	case strings.Contains(q.Expr, "~> |$|"):
		return "a transform gives an array named members in the reference"
	}
	return "different"
}

// regexDefault finds a call with a regular expression before a default.
var regexDefault = regexp.MustCompile(`/[im]*[),].*\?[:?]`)

// sequenceWildcard finds a wildcard in or after parentheses or an array, where its input may be a sequence.
var sequenceWildcard = regexp.MustCompile(`\)\.\*|\(\*|[\[,] ?\*`)

// alike compares to fifteen digits, whatever the order of keys.
func alike(a, b jsonata.Value) bool {
	if a.Kind() != b.Kind() {
		gone := a.Kind() == jsonata.FunctionKind || a.Kind() == jsonata.Undefined || a.Kind() == jsonata.Number && (math.IsNaN(a.Float()) || math.IsInf(a.Float(), 0))
		return gone && b.Kind() == jsonata.Null
	}
	switch a.Kind() {
	case jsonata.ArrayKind:
		x, y := a.Items(), b.Items()
		if len(x) != len(y) {
			return false
		}
		for i := range x {
			if !alike(x[i], y[i]) {
				return false
			}
		}
		return true
	case jsonata.ObjectKind:
		x, y := a.Object(), b.Object()
		n := 0
		for i := range x.Len() {
			k, v := x.At(i)
			if v.Kind() == jsonata.FunctionKind || v.Kind() == jsonata.Undefined {
				continue
			}
			n++
			if !alike(v, y.Get(k)) {
				return false
			}
		}
		return n == y.Len()
	case jsonata.Number:
		x, y := a.Float(), b.Float()
		return x == y || math.Abs(x-y) <= 1e-14*math.Abs(x)
	}
	return a.JSON() == b.JSON()
}
