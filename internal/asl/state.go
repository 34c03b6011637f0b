package asl

import (
	"slices"

	"virga/internal/jsonpath"
)

// kind is a state's type.
type kind uint8

const (
	kindTask kind = iota
	kindWait
	kindPass
	kindSucceed
	kindFail
	kindChoice
	kindParallel
	kindMap
)

var kindNames = [...]string{"Task", "Wait", "Pass", "Succeed", "Fail", "Choice", "Parallel", "Map"}

// target is a transition and where it is written.
type target struct{ name, at string }

// state is a compiled state.
type state struct {
	name    string
	kind    kind
	ata     bool // its query language is JSONata
	next    string
	end     bool
	targets []target

	input, output *pathField          // InputPath, OutputPath
	resultPath    *jsonpath.Reference // nil: $
	discard       bool                // ResultPath null
	parameters    *template           // Parameters, Arguments
	selector      *template           // ResultSelector
	outputs       *template           // Output
	assign        *template
	retry         []retrier
	catch         []catcher

	result           *Document // of Pass
	choices          []*rule
	fallback         string // Default
	seconds          *quantity
	timestamp        *moment
	failure, cause   *textField // Error, Cause of Fail
	task             *resource
	timeout          *quantity
	heartbeat        *quantity
	credentials      *template
	branches         []*scope // of Parallel; of Map the processor alone
	each             *iteration
	context          bool // something in it may read the context object
	entered, exited  string
	aborted, failedT string
}

// pathField is InputPath, OutputPath, ItemsPath.
type pathField struct {
	path  *jsonpath.Path
	text  string
	null  bool
	whole bool // $
}

type retrier struct {
	errors             []string
	interval, delayMax float64
	attempts           int64
	backoff            float64
	jitter             bool
}

type catcher struct {
	errors     []string
	next       string
	resultPath *jsonpath.Reference
	discard    bool
	assign     *template
	output     *template
}

var common = []string{"Type", "Comment", "QueryLanguage"}

func (c *checker) state(st *state, f *fields) {
	f.require("Type")
	name, ok := f.str("Type")
	if !ok {
		return
	}
	i := slices.Index(kindNames[:], name)
	if i < 0 {
		c.bad(f.at+"/Type", "The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map]")
		return
	}
	st.kind = kind(i)
	st.entered, st.exited, st.aborted, st.failedT = name+"StateEntered", name+"StateExited", name+"StateAborted", name+"StateFailed"
	f.str("Comment")
	st.ata = f.language(c.m.ata)
	if c.m.ata && !st.ata {
		c.bad(f.at, "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine")
	}
	st.context = mentionsContext(f.o, st.ata)
	allowed := slices.Clone(common)
	if st.kind != kindChoice && st.kind != kindSucceed && st.kind != kindFail {
		allowed = append(allowed, "Next", "End")
		c.transition(st, f)
	}
	if st.kind != kindFail {
		if st.ata {
			allowed = append(allowed, "Output")
			st.outputs = f.query("Output")
		} else {
			allowed = append(allowed, "InputPath", "OutputPath")
			st.input, st.output = f.path("InputPath"), f.path("OutputPath")
		}
		if st.kind != kindSucceed {
			allowed = append(allowed, "Assign")
			st.assign = f.assignment("Assign", st.ata)
		}
	}
	switch st.kind {
	case kindPass:
		allowed = append(allowed, c.pass(st, f)...)
	case kindTask:
		allowed = append(allowed, c.taskState(st, f)...)
	case kindChoice:
		allowed = append(allowed, c.choice(st, f)...)
	case kindWait:
		allowed = append(allowed, c.wait(st, f)...)
	case kindFail:
		allowed = append(allowed, c.fail(st, f)...)
	case kindParallel:
		allowed = append(allowed, c.parallel(st, f)...)
	case kindMap:
		allowed = append(allowed, c.mapState(st, f)...)
	}
	f.allow(allowed...)
}

func (c *checker) transition(st *state, f *fields) {
	st.next = f.target(st, "Next")
	st.end, _ = f.boolean("End")
	switch {
	case f.has("Next") && st.end:
		c.bad(f.at, "Only one of these fields can be specified: [Next, End]")
	case !f.has("Next") && !st.end && !c.o.single:
		c.bad(f.at, "One of these fields is required: [Next, End]")
	case c.o.single && !f.has("Next"):
		st.end = true
	}
}

// results reads ResultPath and ResultSelector, which JSONPath's states have.
func (c *checker) results(st *state, f *fields, selector bool) []string {
	if st.ata {
		return nil
	}
	allowed := []string{"ResultPath"}
	st.resultPath, st.discard = f.resultPath()
	if selector {
		allowed = append(allowed, "ResultSelector")
		st.selector = f.payload("ResultSelector")
	}
	return allowed
}

// resultPath reads ResultPath; nil and false is $.
func (f *fields) resultPath() (*jsonpath.Reference, bool) {
	v, ok := f.o.Get("ResultPath")
	if !ok {
		return nil, false
	}
	if v == nil {
		return nil, true
	}
	s, ok := v.(string)
	if !ok {
		f.wrong("ResultPath", "String")
		return nil, false
	}
	p, err := jsonpath.ParseReference(s)
	if err == nil {
		if root, _ := p.Path().Root(); root != jsonpath.RootInput {
			f.c.bad(f.at+"/ResultPath", "Value is not a Reference Path")
			return nil, false
		}
		if s == "$" {
			return nil, false
		}
		return p, false
	}
	f.c.bad(f.at+"/ResultPath", "Value is not a Reference Path")
	return nil, false
}

func (c *checker) pass(st *state, f *fields) []string {
	if st.ata {
		return nil
	}
	if v, ok := f.o.Get("Result"); ok {
		st.result = frozen(ofPath(v))
		if hasDollarField(v) {
			c.add(SeverityWarning, codePassResult, f.at+"/Result", "Result of a Pass state is static: fields that end in '.$' are not evaluated")
		}
	}
	st.parameters = f.payload("Parameters")
	return append(c.results(st, f, false), "Result", "Parameters")
}

func (c *checker) wait(st *state, f *fields) []string {
	names := []string{"Seconds", "Timestamp"}
	if !st.ata {
		names = append(names, "SecondsPath", "TimestampPath")
	}
	switch f.one(true, names...) {
	case "Seconds", "SecondsPath":
		st.seconds = f.quantity("Seconds", st.ata, 0)
	case "Timestamp", "TimestampPath":
		st.timestamp = f.moment(st.ata)
	}
	return names
}

func (c *checker) fail(st *state, f *fields) []string {
	if st.ata {
		st.failure, st.cause = f.text("Error", true), f.text("Cause", true)
		return []string{"Error", "Cause"}
	}
	f.one(false, "Error", "ErrorPath")
	f.one(false, "Cause", "CausePath")
	st.failure, st.cause = f.text("Error", false), f.text("Cause", false)
	return []string{"Error", "ErrorPath", "Cause", "CausePath"}
}

func (c *checker) parallel(st *state, f *fields) []string {
	allowed := append(c.results(st, f, true), c.arguments(st, f)...)
	c.errors(st, f)
	f.require("Branches")
	list, ok := f.list("Branches")
	if ok && len(list) == 0 {
		c.bad(f.at+"/Branches", "Value cannot be empty")
	}
	for i, v := range list {
		at := f.element("Branches", i)
		o, ok := v.(*jsonpath.Object)
		if !ok {
			c.bad(at, "Expected value of type Object")
			continue
		}
		b := c.fields(o, at)
		b.allow("StartAt", "States", "Comment")
		if s := c.inner(b); s != nil {
			st.branches = append(st.branches, s)
		}
	}
	return append(allowed, "Branches", "Retry", "Catch")
}

// inner compiles the scope of a branch; the transitions within are followed even where the state stands alone.
func (c *checker) inner(f *fields) *scope {
	single := c.o.single
	c.o.single = false
	defer func() { c.o.single = single }()
	return c.scope(f, f.at)
}

// arguments reads Parameters, of JSONata's states Arguments.
func (c *checker) arguments(st *state, f *fields) []string {
	if st.ata {
		st.parameters = f.query("Arguments")
		return []string{"Arguments"}
	}
	st.parameters = f.payload("Parameters")
	return []string{"Parameters"}
}

func (c *checker) errors(st *state, f *fields) {
	list, _ := f.list("Retry")
	for i, v := range list {
		at := f.element("Retry", i)
		o, ok := v.(*jsonpath.Object)
		if !ok {
			c.bad(at, "Expected value of type Object")
			continue
		}
		r := c.fields(o, at)
		r.allow("ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy", "Comment")
		x := retrier{interval: 1, attempts: 3, backoff: 2}
		x.errors = r.errorEquals(i == len(list)-1)
		if n, ok := r.whole("IntervalSeconds", 1, TimeoutMax); ok {
			x.interval = float64(n)
		}
		if n, ok := r.whole("MaxAttempts", 0, TimeoutMax); ok {
			x.attempts = n
		}
		if n, ok := r.float("BackoffRate", 1, 1e9); ok {
			x.backoff = n
		}
		if n, ok := r.whole("MaxDelaySeconds", 1, 31622399); ok {
			x.delayMax = float64(n)
			if x.delayMax <= x.interval {
				c.bad(at+"/MaxDelaySeconds", "MaxDelaySeconds should be greater than IntervalSeconds")
			}
		}
		if s, ok := r.str("JitterStrategy"); ok {
			if s != "FULL" && s != "NONE" {
				c.bad(at+"/JitterStrategy", "The field 'JitterStrategy' should have one of these values: [FULL, NONE]")
			}
			x.jitter = s == "FULL"
		}
		st.retry = append(st.retry, x)
	}
	list, _ = f.list("Catch")
	for i, v := range list {
		at := f.element("Catch", i)
		o, ok := v.(*jsonpath.Object)
		if !ok {
			c.bad(at, "Expected value of type Object")
			continue
		}
		r := c.fields(o, at)
		r.require("Next")
		x := catcher{errors: r.errorEquals(i == len(list)-1), next: r.target(st, "Next"), assign: r.assignment("Assign", st.ata)}
		if st.ata {
			r.allow("ErrorEquals", "Next", "Assign", "Output", "Comment")
			x.output = r.query("Output")
		} else {
			r.allow("ErrorEquals", "Next", "Assign", "ResultPath", "Comment")
			x.resultPath, x.discard = r.resultPath()
		}
		st.catch = append(st.catch, x)
	}
}

func (f *fields) errorEquals(last bool) []string {
	f.require("ErrorEquals")
	list, ok := f.list("ErrorEquals")
	if ok && len(list) == 0 {
		f.c.bad(f.at+"/ErrorEquals", "Value cannot be empty")
	}
	var names []string
	for i, v := range list {
		s, ok := v.(string)
		if !ok {
			f.c.bad(f.element("ErrorEquals", i), "Expected value of type String")
			continue
		}
		if s == "States.ALL" && (len(list) > 1 || !last) {
			f.c.bad(f.at+"/ErrorEquals", "States.ALL must appear alone and in the last element")
		}
		names = append(names, s)
	}
	return names
}
