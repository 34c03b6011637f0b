package asl

import (
	"maps"
	"slices"
	"time"
)

// Status is how an execution stands.
type Status string

// The statuses of executions.
const (
	Running   Status = "RUNNING"
	Succeeded Status = "SUCCEEDED"
	Failed    Status = "FAILED"
	TimedOut  Status = "TIMED_OUT"
	Aborted   Status = "ABORTED"
)

// Identity is what the context object tells of an execution.
type Identity struct {
	ID, Name, RoleArn                string
	StateMachineID, StateMachineName string
	StartTime                        time.Time
	RedriveTime                      time.Time `json:",omitzero"`
	Item                             *Item     `json:",omitempty"` // of a child of a map run
	Region                           string
}

// Execution is an execution between two steps: plain data that may be kept as JSON. It belongs to whoever called Step
// last; a step changes only the execution that it returns.
type Execution struct {
	Identity
	Status   Status
	Input    *Document
	Output   *Document `json:",omitempty"`
	Error    *string   `json:",omitempty"`
	Cause    *string   `json:",omitempty"`
	Redrives int       `json:",omitempty"`

	Frames    []*Frame
	NextFrame int
	NextTask  int64
	NextEvent int64     // the identifier of the last event of the history
	Deadline  time.Time `json:",omitzero"`
	Variables int64     // bytes of all variables
}

// Phase is what a frame waits for.
type Phase uint8

// The phases of frames.
const (
	Ready     Phase = iota // to enter its state
	Again                  // to run its state once more, after a retry or a redrive
	Waiting                // for a time
	Retrying               // for a time, then the state runs once more
	Tasking                // for a task
	Branching              // for branches or iterations
	Mapping                // for a map run
	Stopped                // the execution has ended
)

// Frame is a running of one scope: the machine's own, a branch's or an iteration's.
type Frame struct {
	ID, Parent int
	Index      int // of the branch or iteration
	State      string
	Phase      Phase
	Input      *Document
	EnteredAt  time.Time
	Entered    int64                // the event of the entry
	Before     int64                // the event before it
	Prev       int64                // the last event
	Variables  map[string]*Document `json:",omitempty"`
	Tries      []int64              `json:",omitempty"` // attempts of each retrier
	Retries    int                  `json:",omitempty"`
	Deadline   time.Time            `json:",omitzero"` // of the wait, the retry or the task
	Beat       time.Time            `json:",omitzero"` // until when the task must send a heartbeat
	Heartbeat  time.Duration        `json:",omitempty"`
	Task       int64                `json:",omitempty"`
	Token      string               `json:",omitempty"`
	Begun      bool                 `json:",omitempty"` // the task has begun
	Submitted  bool                 `json:",omitempty"` // its call was answered
	Effective  *Document            `json:",omitempty"` // the input of branches and iterations
	Items      []*Document          `json:",omitempty"`
	Results    []*Document          `json:",omitempty"`
	Started    int                  `json:",omitempty"`
	Done       int                  `json:",omitempty"`
	AtOnce     int                  `json:",omitempty"`
	Item       *Item                `json:",omitempty"`
	MapRun     string               `json:",omitempty"`
}

// Item is the element of a Map state that an iteration is about.
type Item struct {
	Index int
	Value *Document
	Key   string `json:",omitempty"`
}

// NewExecution is an execution that waits for Start.
func NewExecution(id Identity, input *Document) *Execution {
	return &Execution{Identity: id, Status: Running, Input: input}
}

// Wake is when the execution is due to be stepped with Wake if nothing happens before.
func (x *Execution) Wake() (time.Time, bool) {
	var at time.Time
	sooner := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	if x.Status != Running {
		return at, false
	}
	sooner(x.Deadline)
	for _, f := range x.Frames {
		switch f.Phase {
		case Waiting, Retrying:
			sooner(f.Deadline)
		case Tasking, Mapping:
			sooner(f.Deadline)
			sooner(f.Beat)
		}
	}
	return at, !at.IsZero()
}

// TaskByToken is the task that waits for a token.
func (x *Execution) TaskByToken(token string) (int64, bool) {
	for _, f := range x.Frames {
		if f.Phase == Tasking && f.Token == token {
			return f.Task, true
		}
	}
	return 0, false
}

func (x *Execution) clone() *Execution {
	c := *x
	c.Frames = make([]*Frame, len(x.Frames))
	for i, f := range x.Frames {
		g := *f
		g.Tries = slices.Clone(f.Tries)
		g.Results = slices.Clone(f.Results)
		g.Variables = maps.Clone(f.Variables)
		c.Frames[i] = &g
	}
	return &c
}

func (x *Execution) frame(id int) *Frame {
	i, ok := slices.BinarySearchFunc(x.Frames, id, func(f *Frame, id int) int { return f.ID - id })
	if !ok {
		return nil
	}
	return x.Frames[i]
}

func (x *Execution) add(f *Frame) *Frame {
	x.NextFrame++
	f.ID = x.NextFrame
	x.Frames = append(x.Frames, f)
	return f
}

func (x *Execution) remove(f *Frame) {
	if i, ok := slices.BinarySearchFunc(x.Frames, f.ID, func(g *Frame, id int) int { return g.ID - id }); ok {
		x.Frames = slices.Delete(x.Frames, i, i+1)
	}
	for _, d := range f.Variables {
		x.Variables -= int64(len(d.Text()))
	}
}

// EventKind is what happened.
type EventKind uint8

// The kinds of events.
const (
	Start         EventKind = iota // the execution begins
	Proceed                        // a step ended at TransitionsMax
	Wake                           // Execution.Wake's time has come
	TaskStarted                    // a task has begun; of an activity, Worker has taken it
	TaskSubmitted                  // the call of a .sync or .waitForTaskToken task was answered with Output
	TaskSucceeded                  // with Output
	TaskFailed                     // with Error and Cause
	TaskHeartbeat
	MapRunStarted // with Arn
	MapRunEnded   // with Output, or with Error and Cause
	Abort         // with Error and Cause
	Redrive
)

// Event is something that happened, with the time and the chance of its step.
type Event struct {
	Kind    EventKind
	Now     time.Time
	Entropy [32]byte // unpredictable: tokens, identifiers and random numbers are drawn from it
	Task    int64
	Output  string
	Error   *string
	Cause   *string
	Worker  string
	Arn     string
}

// EffectKind is what an effect asks for.
type EffectKind uint8

// The kinds of effects.
const (
	StartTask EffectKind = iota
	CancelTask
	StartMapRun
	CancelMapRun
	ProceedNow // step again with Proceed
)

// Effect is something to bring about after a step was kept.
type Effect struct {
	Kind EffectKind
	Task int64
	// Of StartTask:
	Resource    string // the ARN as the definition has it
	Service     string // of an integration: lambda, aws-sdk:s3
	Action      string // without the pattern
	Pattern     Pattern
	Parameters  string // JSON
	Credentials string // JSON or ""
	Token       string // of .waitForTaskToken and of activities
	Timeout     time.Duration
	Heartbeat   time.Duration
	StateName   string
	Attempt     int
	// Of StartMapRun:
	Run *MapRun
	// Redriven says that the map run is one that was there before.
	Redriven bool
}
