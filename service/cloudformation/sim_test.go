package cloudformation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	cfnapi "virga/api/cloudformation"
	"virga/internal/job"
	"virga/internal/store"
	"virga/internal/wire"
)

// randomTemplate draws resources that depend on earlier ones; some have names of their own, some will be replaced.
func randomTemplate(r *rand.Rand) string {
	b := strings.Builder{}
	b.WriteString("Resources:\n")
	var ids []string
	for i := range 2 + r.IntN(5) {
		if r.IntN(4) == 0 && i > 0 {
			continue
		}
		id := fmt.Sprint("R", i)
		typ := "Thing"
		if i == 3 {
			typ = "Drawn"
		}
		fmt.Fprintf(&b, "  %s: {Type: Fake::Unit::%s, Properties: {Value: '%d'", id, typ, r.IntN(3))
		if i%2 == 1 {
			fmt.Fprintf(&b, ", Name: !Sub '${AWS::StackName}-n%d-%d'", i, r.IntN(2))
		}
		b.WriteString("}")
		if len(ids) > 0 && r.IntN(2) == 0 {
			fmt.Fprintf(&b, ", DependsOn: %s", ids[r.IntN(len(ids))])
		}
		b.WriteString("}\n")
		ids = append(ids, id)
	}
	return b.String()
}

// playStacks plays stack operations while the node crashes, and checks that every stack came to an end that its resources
// agree with.
func playStacks(t testing.TB, seed uint64) (*world, error) {
	x := newWorld(t, seed, false)
	r := rand.New(rand.NewPCG(seed, 7))
	x.w.Chances.Stall = 0
	began := x.w.Now()
	names := []string{"s0", "s1", "s2"}
	for round := range 4 {
		for _, n := range names {
			for _, op := range []string{"Create", "Update", "Delete"} {
				for i := range 7 {
					k := fmt.Sprintf("%s/R%d", op, i)
					delete(x.broken, k)
					if r.IntN(14) == 0 {
						x.broken[k] = 1
					}
					if r.IntN(8) == 0 {
						x.slow[k] = 1 + r.IntN(2)
					}
				}
			}
			var err error
			switch x.find(n) {
			case "":
				err = x.create(n, randomTemplate(r))
			case "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE":
				if r.IntN(5) == 0 {
					err = x.delete(n)
					break
				}
				if err = x.update(n, randomTemplate(r)); err != nil && strings.Contains(err.Error(), "No updates are to be performed.") {
					err = nil
				}
			case "UPDATE_ROLLBACK_FAILED":
				_, err = x.svc.ContinueUpdateRollback(x.ctx("ContinueUpdateRollback"), &cfnapi.ContinueUpdateRollbackInput{StackName: n})
			default:
				err = x.delete(n)
			}
			if err != nil {
				return x, fmt.Errorf("seed %d, round %d, %s: %w", seed, round, n, err)
			}
		}
		if r.IntN(3) == 0 { // one is cancelled, or deleted while it is made
			for range r.IntN(400) {
				x.w.Run(1, func() bool { return false })
			}
			for _, n := range names {
				switch x.find(n) {
				case "UPDATE_IN_PROGRESS":
					x.svc.CancelUpdateStack(x.ctx("CancelUpdateStack"), &cfnapi.CancelUpdateStackInput{StackName: n})
				case "CREATE_IN_PROGRESS":
					x.delete(n)
				}
			}
		}
		if err := x.w.Run(400_000, func() bool {
			if x.w.Now().Sub(began) > time.Duration(round+1)*10*time.Minute {
				x.w.Quiet = true
			}
			for _, s := range x.stacks() {
				if s.busy() {
					return false
				}
			}
			return true
		}); err != nil {
			return x, fmt.Errorf("%w%s", err, x.trail(""))
		}
		x.w.Quiet = false
		if err := x.consistent(); err != nil {
			return x, fmt.Errorf("seed %d, round %d: %w\n%s\n%s", seed, round, err, x.trail(""), strings.Join(x.log, ", "))
		}
	}
	return x, nil
}

func (x *world) find(name string) string {
	for _, s := range x.stacks() {
		if s.Name == name && s.Status != "DELETE_COMPLETE" {
			return s.Status
		}
	}
	return ""
}

// consistent checks that exactly the things exist that stacks at rest say they have.
func (x *world) consistent() error {
	want := map[string]string{}
	err := x.w.Base().View(context.Background(), func(r store.Reader) error {
		want = map[string]string{}
		for _, s := range x.stacks() {
			if strings.HasSuffix(s.Status, "_IN_PROGRESS") {
				return fmt.Errorf("stack %s is %s", s.Name, s.Status)
			}
			if s.Operation != nil && s.Status != "UPDATE_ROLLBACK_FAILED" {
				return fmt.Errorf("stack %s has an operation at rest", s.Name)
			}
			for _, y := range rows(r, s) {
				if strings.HasSuffix(y.Status, "_IN_PROGRESS") {
					return fmt.Errorf("resource %s of %s is %s", y.ID, s.Name, y.Status)
				}
				for _, o := range y.Old {
					want[o.Physical] = ""
				}
				if y.Status != "DELETE_COMPLETE" && y.Physical != "" {
					v := y.Properties
					if v == nil || y.Status == "UPDATE_FAILED" || y.Status == "CREATE_FAILED" {
						v = []byte{}
					}
					want[y.Physical] = string(v)
				}
			}
			for shard := range uint16(8) {
				store.Each(r, store.Prefix(store.K(store.FamilyJob, shard, testAccount)), func(_ store.Key, j *job.Job) bool {
					if j.State == job.Parked {
						want["parked "+j.Kind+" "+j.ID+": "+j.LastErr] = ""
					}
					return true
				})
			}
			if s.Status == "DELETE_COMPLETE" && len(s.Outputs) > 0 {
				return fmt.Errorf("stack %s is gone with outputs", s.Name)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	var bad []string
	left := x.leftBehind()
	for p, props := range want {
		have := x.things[p]
		if have == nil {
			bad = append(bad, p+" is missing")
		} else if props != "" && string(jsonOf(object([]byte(props)))) != have.Props {
			bad = append(bad, p+" has "+have.Props+", not "+props)
		}
	}
	for p := range x.things {
		if _, ok := want[p]; !ok && !left[p] {
			bad = append(bad, p+" is nobody's")
		}
	}
	sort.Strings(bad)
	if len(bad) > 0 {
		return fmt.Errorf("%s", strings.Join(bad, ", "))
	}
	return nil
}

// leftBehind are the things whose cleanup failed: events say so, and nobody has them any more.
func (x *world) leftBehind() map[string]bool {
	out := map[string]bool{}
	for _, s := range x.stacks() {
		o := page1(x, s)
		for _, e := range o {
			if wire.V(e.ResourceStatus) == "DELETE_FAILED" {
				out[wire.V(e.PhysicalResourceId)] = true
			}
		}
	}
	return out
}

func page1(x *world, s *stack) (out []cfnapi.StackEvent) {
	var token *string
	for {
		o, err := x.svc.DescribeStackEvents(x.ctx("DescribeStackEvents"), &cfnapi.DescribeStackEventsInput{StackName: s.arn(), NextToken: token})
		if err != nil {
			x.t.Fatal(err)
		}
		out = append(out, o.StackEvents...)
		if token = o.NextToken; token == nil {
			return out
		}
	}
}

// TestSimStacks plays worlds from seeds; VIRGA_SEEDS sets how many.
func TestSimStacks(t *testing.T) {
	n := uint64(25)
	if v := os.Getenv("VIRGA_SEEDS"); v != "" {
		u, err := strconv.ParseUint(v, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		n = u
	}
	first := uint64(0)
	if v := os.Getenv("VIRGA_SEED"); v != "" {
		first, _ = strconv.ParseUint(v, 10, 64)
		n = first + 1
	}
	crashes, ends := map[string]int{}, map[string]int{}
	for seed := first; seed < n; seed++ {
		x, err := playStacks(t, seed)
		if err != nil {
			t.Fatal(err)
		}
		for p, c := range x.w.Crashes {
			crashes[p] += c
		}
		for _, s := range x.stacks() {
			ends[s.Status]++
		}
	}
	for _, p := range []string{"before claim", "after claim", "after effect", "before settle", "before update", "after update", "unknown outcome"} {
		if crashes[p] == 0 && first == 0 {
			t.Errorf("no crash at %q", p)
		}
	}
	t.Logf("%d seeds, crashes by point: %v; stacks at the end: %v", n-first, crashes, ends)
}
