package cloudformation

import (
	"strings"
	"time"

	"virga/internal/auth"
	"virga/internal/store"
)

// Keys, all under FamilyCloudFormation ‖ 0 ‖ account ‖ kind ‖ region: "s" ‖ uuid → stack;  "n" ‖ name → uuid of the stack
// that has the name;  "r" ‖ uuid ‖ logical id → row;  "t" ‖ uuid ‖ number → source;  "e" ‖ uuid ‖ time ‖ n → event;
// "c" ‖ uuid ‖ change set's uuid → changeSet;  "x" ‖ export name → export;  "i" ‖ export name ‖ uuid → imported;
// "w" ‖ uuid ‖ handle ‖ unique id → signal.

// stack is a stack's record.
type stack struct {
	ID           string            `rec:"1"` // uuid
	Name         string            `rec:"2"`
	Region       string            `rec:"3"`
	Account      string            `rec:"4"`
	Status       string            `rec:"5"`
	Reason       string            `rec:"6"`
	Description  string            `rec:"7"`
	Created      time.Time         `rec:"8"`
	Updated      time.Time         `rec:"9"`
	Deleted      time.Time         `rec:"10"`
	Now          input             `rec:"11"` // what the stack is made of
	Outputs      []output          `rec:"12"`
	NoRollback   bool              `rec:"13"`
	OnFailure    string            `rec:"14"`
	Protected    bool              `rec:"15"`
	ChangeSet    string            `rec:"16"` // ARN of the one that was executed last
	Sources      int64             `rec:"17"` // number of the newest source
	LastEvent    time.Time         `rec:"18"`
	Operation    *operation        `rec:"19"` // under way, nil for none
	Operations   int64             `rec:"20"`
	BaseURL      string            `rec:"21"` // how the last caller spoke to the server
	Domain       string            `rec:"22"`
	Parent       string            `rec:"23"` // ARNs of nested stacks' parents
	Root         string            `rec:"24"`
	TimeoutAfter int64             `rec:"25"` // minutes, 0 = none
	Retain       map[string]string `rec:"26"` // of DeleteStack: logical ids to leave
	Unknown      store.Unknown
}

// input is what an operation makes of a stack.
type input struct {
	Source       int64             `rec:"1"` // number of the source row
	Parameters   []parameter       `rec:"2"`
	Resolved     map[string]string `rec:"3"` // values of Systems Manager parameters, by their names
	Tags         []tag             `rec:"4"`
	Capabilities []string          `rec:"5"`
	Role         string            `rec:"6"`
	Topics       []string          `rec:"7"`
	Description  string            `rec:"8"`
}

// parameter is a value given.
type parameter struct {
	Key      string `rec:"1"`
	Value    string `rec:"2"`
	NoEcho   bool   `rec:"3"`
	Resolved string `rec:"4"`
}

type tag struct {
	Key   string `rec:"1"`
	Value string `rec:"2"`
}

type output struct {
	Key         string `rec:"1"`
	Value       string `rec:"2"`
	Description string `rec:"3"`
	Export      string `rec:"4"`
}

// source is a template: as given, and after its transforms as JSON ("" where it has none).
type source struct {
	Text      string `rec:"1"`
	Processed string `rec:"2"`
	Extended  bool   `rec:"3"` // it declared AWS::LanguageExtensions
}

// Phases of an operation.
const (
	phaseApply    = "apply"
	phaseRollback = "rollback"
	phaseCleanup  = "cleanup"
	phaseDelete   = "delete"
)

// operation is a stack operation under way.
type operation struct {
	Number    int64           `rec:"1"`
	Kind      string          `rec:"2"` // create, update, delete
	Phase     string          `rec:"3"`
	By        auth.Delegation `rec:"4"`
	Want      input           `rec:"5"`
	Before    input           `rec:"6"` // of an update, to go back to
	Token     string          `rec:"7"` // ClientRequestToken
	Failed    []string        `rec:"8"` // logical ids
	Why       string          `rec:"9"`
	Cancelled bool            `rec:"10"`
	Skip      []string        `rec:"11"` // of ContinueUpdateRollback
	Started   time.Time       `rec:"12"`
	ChangeSet string          `rec:"13"`
	Role      string          `rec:"14"` // the role that acts, "" = By
	NotAgain  bool            `rec:"15"` // rollback disabled
}

// States of a row's work in the operation under way.
const (
	workNone     = ""
	workWaiting  = "waiting" // until what it depends on is done
	workRunning  = "running" // its job stands
	workDone     = "done"
	workFailed   = "failed"
	workOff      = "cancelled"
	actionApply  = "apply"
	actionRevert = "revert"
	actionDelete = "delete"
	actionClean  = "clean" // delete what was replaced
)

// row is a resource of a stack.
type row struct {
	ID         string    `rec:"1"`
	Type       string    `rec:"2"`
	Physical   string    `rec:"3"`
	Ref        string    `rec:"4"`
	Attributes []byte    `rec:"5"` // JSON object
	Properties []byte    `rec:"6"` // JSON object, as they are
	Status     string    `rec:"7"`
	Reason     string    `rec:"8"`
	At         time.Time `rec:"9"`
	Suffix     string    `rec:"10"`
	Deps       []string  `rec:"11"`
	Keep       string    `rec:"12"` // DeletionPolicy
	KeepOld    string    `rec:"13"` // UpdateReplacePolicy
	Metadata   []byte    `rec:"14"`

	Work    string    `rec:"20"`
	Action  string    `rec:"21"`
	Desired []byte    `rec:"22"` // resolved properties of the action under way
	Step    string    `rec:"23"` // "" = to be prepared, else create, update, replace, delete
	Stage   int64     `rec:"24"` // raised each time the type was not ready
	Context []byte    `rec:"25"`
	Changed string    `rec:"26"` // what this operation did: created, updated, replaced, deleted
	Before  *snapshot `rec:"27"` // as it was before this operation
	Old     []old     `rec:"28"` // physical resources to clean up
	Since   time.Time `rec:"29"` // when the step began
	Try     int64     `rec:"31"` // raised each time work begins, so that work done again has effects of its own
	Gone    bool      `rec:"30"` // not in the new template
	Unknown store.Unknown
}

type snapshot struct {
	Physical   string   `rec:"1"`
	Ref        string   `rec:"2"`
	Attributes []byte   `rec:"3"`
	Properties []byte   `rec:"4"`
	Suffix     string   `rec:"5"`
	Deps       []string `rec:"6"`
	Keep       string   `rec:"7"`
	KeepOld    string   `rec:"8"`
	Type       string   `rec:"9"`
}

type old struct {
	Type       string `rec:"1"`
	Physical   string `rec:"2"`
	Properties []byte `rec:"3"`
	Keep       bool   `rec:"4"`
	Suffix     string `rec:"5"`
}

func (r *row) snapshot() *snapshot {
	return &snapshot{r.Physical, r.Ref, r.Attributes, r.Properties, r.Suffix, r.Deps, r.Keep, r.KeepOld, r.Type}
}

func (r *row) restore(s *snapshot) {
	r.Physical, r.Ref, r.Attributes, r.Properties, r.Suffix, r.Deps, r.Keep, r.KeepOld, r.Type = s.Physical, s.Ref, s.Attributes, s.Properties, s.Suffix, s.Deps, s.Keep, s.KeepOld, s.Type
}

// event is a stack event.
type event struct {
	ID         string    `rec:"1"`
	Logical    string    `rec:"2"`
	Physical   string    `rec:"3"`
	Type       string    `rec:"4"`
	At         time.Time `rec:"5"`
	Status     string    `rec:"6"`
	Reason     string    `rec:"7"`
	Properties string    `rec:"8"`
	Token      string    `rec:"9"`
	Unknown    store.Unknown
}

// changeSet is a change set.
type changeSet struct {
	ID          string    `rec:"1"` // uuid
	Name        string    `rec:"2"`
	Kind        string    `rec:"3"` // CREATE or UPDATE
	Status      string    `rec:"4"`
	Reason      string    `rec:"5"`
	Execution   string    `rec:"6"`
	Created     time.Time `rec:"7"`
	Description string    `rec:"8"`
	Want        input     `rec:"9"`
	Changes     []byte    `rec:"10"` // JSON of []change
	Token       string    `rec:"11"`
	OnFailure   string    `rec:"12"`
	Unknown     store.Unknown
}

type export struct {
	Stack   string `rec:"1"` // ARN
	ID      string `rec:"2"`
	Value   string `rec:"3"`
	Unknown store.Unknown
}

// imported is a stack's use of an export: by which operation it began, and which found it last.
type imported struct {
	Stack   string `rec:"1"` // name
	First   int64  `rec:"2"`
	Last    int64  `rec:"3"`
	Unknown store.Unknown
}

type signal struct {
	Status string    `rec:"1"`
	Data   string    `rec:"2"`
	Reason string    `rec:"3"`
	At     time.Time `rec:"4"`
}

func key(account, kind, region string) store.Key {
	return store.K(store.FamilyCloudFormation, 0, account).Str(kind).Str(region)
}

func stackKey(account, region, id string) store.Key  { return key(account, "s", region).Str(id) }
func nameKey(account, region, name string) store.Key { return key(account, "n", region).Str(name) }
func rowsOf(s *stack) store.Key                      { return key(s.Account, "r", s.Region).Str(s.ID) }
func rowKey(s *stack, id string) store.Key           { return rowsOf(s).Str(id) }
func eventsOf(s *stack) store.Key                    { return key(s.Account, "e", s.Region).Str(s.ID) }
func changeSetsOf(s *stack) store.Key                { return key(s.Account, "c", s.Region).Str(s.ID) }
func changeSetKey(s *stack, id string) store.Key     { return changeSetsOf(s).Str(id) }
func exportKey(account, region, name string) store.Key {
	return key(account, "x", region).Str(name)
}
func importsOf(account, region, name string) store.Key { return key(account, "i", region).Str(name) }
func signalsOf(account, region, id, handle string) store.Key {
	return key(account, "w", region).Str(id).Str(handle)
}
func sourceKey(s *stack, n int64) store.Key {
	return key(s.Account, "t", s.Region).Str(s.ID).Uint(uint64(n))
}

func (s *stack) key() store.Key { return stackKey(s.Account, s.Region, s.ID) }

func (s *stack) arn() string {
	return "arn:aws:cloudformation:" + s.Region + ":" + s.Account + ":stack/" + s.Name + "/" + s.ID
}

func (s *stack) changeSetARN(c *changeSet) string {
	return "arn:aws:cloudformation:" + s.Region + ":" + s.Account + ":changeSet/" + c.Name + "/" + c.ID
}

// busy tells whether an operation is under way.
func (s *stack) busy() bool {
	return strings.HasSuffix(s.Status, "_IN_PROGRESS") && s.Status != "REVIEW_IN_PROGRESS"
}

// sourceOf reads a template row.
func sourceOf(r store.Reader, s *stack, n int64) *source {
	x, ok := store.Load[source](r, sourceKey(s, n))
	if !ok {
		return &source{}
	}
	return x
}

// putSource keeps a template under the next number.
func putSource(tx store.Tx, s *stack, x *source) int64 {
	s.Sources++
	store.Put(tx, sourceKey(s, s.Sources), x)
	return s.Sources
}

// rows reads all resources of a stack, in the order of their logical ids.
func rows(r store.Reader, s *stack) []*row {
	var out []*row
	store.Each(r, store.Prefix(rowsOf(s)), func(_ store.Key, x *row) bool {
		out = append(out, x)
		return true
	})
	return out
}
