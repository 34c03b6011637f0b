package lambda

import (
	"strconv"
	"time"

	"virga/internal/blob"
	"virga/internal/store"
)

// Keys, all under FamilyLambda ‖ 0 ‖ account: "f" ‖ region ‖ name → function;  "v" ‖ region ‖ name ‖ number → version;
// "a" ‖ region ‖ name ‖ alias → alias;  "m" ‖ region ‖ UUID → mapping;  "e" ‖ region ‖ request id → event.

// function is a function's record: what is not versioned, and $LATEST.
type function struct {
	Name     string                `rec:"1"`
	ID       string                `rec:"2"` // never used again, unlike the name
	Latest   version               `rec:"3"`
	Next     int64                 `rec:"4"` // number of the next version
	Tags     map[string]string     `rec:"5"`
	Policies map[string]policy     `rec:"6"` // by qualifier, "" for the unqualified function
	Reserved int64                 `rec:"7"` // concurrency + 1, 0 = none
	Async    map[string]asyncRules `rec:"8"` // by qualifier, "$LATEST" for none
	Unknown  store.Unknown
}

// version is the configuration and code of one version.
type version struct {
	Number      int64             `rec:"1"` // 0 = $LATEST
	Runtime     string            `rec:"2"`
	Role        string            `rec:"3"`
	Handler     string            `rec:"4"`
	Description string            `rec:"5"`
	Timeout     int32             `rec:"6"`
	Memory      int32             `rec:"7"`
	Tmp         int32             `rec:"8"`
	Env         map[string]string `rec:"9"`
	HasEnv      bool              `rec:"10"`
	Arch        string            `rec:"11"`
	Modified    time.Time         `rec:"12"`
	Revision    string            `rec:"13"`
	Code        blob.Ref          `rec:"14"`
	CodeSHA     string            `rec:"15"`
	DeadLetter  string            `rec:"16"`
	LogGroup    string            `rec:"17"`
	State       string            `rec:"18"` // Pending, Active, Failed
	Reason      string            `rec:"19"`
	ReasonCode  string            `rec:"20"`
	Update      string            `rec:"21"` // LastUpdateStatus, "" while never updated
	UpdateWhy   string            `rec:"22"`
	UpdateCode  string            `rec:"23"`
	ConfigSHA   string            `rec:"24"` // of what makes a version another one
	Unknown     store.Unknown
}

func (v *version) label() string {
	if v.Number == 0 {
		return latest
	}
	return strconv.FormatInt(v.Number, 10)
}

// alias points at one or two versions.
type alias struct {
	Name        string  `rec:"1"`
	Version     string  `rec:"2"`
	Description string  `rec:"3"`
	Other       string  `rec:"4"` // version that gets Weight of the calls
	Weight      float64 `rec:"5"`
	Revision    string  `rec:"6"`
	Unknown     store.Unknown
}

// policy is a resource policy.
type policy struct {
	Statements []statement `rec:"1"`
	Revision   string      `rec:"2"`
}

// statement is one permission, as the JSON that GetPolicy shows.
type statement struct {
	Sid  string `rec:"1"`
	JSON string `rec:"2"`
}

// asyncRules are an EventInvokeConfig.
type asyncRules struct {
	Retries   int64     `rec:"1"` // + 1, 0 = default
	AgeMax    int64     `rec:"2"` // seconds, 0 = default
	OnSuccess string    `rec:"3"`
	OnFailure string    `rec:"4"`
	Modified  time.Time `rec:"5"`
}

// event is an asynchronous invocation that waits or is under way.
type event struct {
	ID            string    `rec:"1"`
	Function      string    `rec:"2"` // name
	FunctionID    string    `rec:"3"`
	Qualifier     string    `rec:"4"`
	InvokedARN    string    `rec:"5"`
	Payload       blob.Ref  `rec:"6"`
	ClientContext string    `rec:"7"`
	At            time.Time `rec:"8"`
	Failures      int64     `rec:"9"` // of the function itself
	Throttles     int64     `rec:"10"`
	TraceID       string    `rec:"11"`
	Unknown       store.Unknown
}

// mapping is an event source mapping.
type mapping struct {
	UUID       string            `rec:"1"`
	Source     string            `rec:"2"` // ARN of the queue
	Function   string            `rec:"3"` // name
	Qualifier  string            `rec:"4"`
	Batch      int32             `rec:"5"`
	Window     int32             `rec:"6"` // seconds
	Filters    []string          `rec:"7"`
	Report     bool              `rec:"8"` // ReportBatchItemFailures
	MaxAtOnce  int32             `rec:"9"` // ScalingConfig, 0 = none
	State      string            `rec:"10"`
	Reason     string            `rec:"11"`
	Modified   time.Time         `rec:"12"`
	LastResult string            `rec:"13"`
	Tags       map[string]string `rec:"14"`
	FunctionID string            `rec:"15"`
	Unknown    store.Unknown
}

func key(account, kind, region string) store.Key {
	return store.K(store.FamilyLambda, 0, account).Str(kind).Str(region)
}

func functionKey(account, region, name string) store.Key { return key(account, "f", region).Str(name) }

func versionsOf(account, region, name string) store.Key { return key(account, "v", region).Str(name) }

func versionKey(account, region, name string, n int64) store.Key {
	return versionsOf(account, region, name).Uint(uint64(n))
}

func aliasesOf(account, region, name string) store.Key { return key(account, "a", region).Str(name) }

func aliasKey(account, region, name, alias string) store.Key {
	return aliasesOf(account, region, name).Str(alias)
}

func mappingKey(account, region, uuid string) store.Key { return key(account, "m", region).Str(uuid) }

func eventKey(account, region, id string) store.Key { return key(account, "e", region).Str(id) }

// scope is the epoch under which an account's functions are cached.
func scope(account string) string { return "lambda/" + account }

// stateTopic is woken when a function leaves Pending or InProgress.
func stateTopic(account, region, name string) string {
	return "lambda/state/" + account + "/" + region + "/" + name
}
