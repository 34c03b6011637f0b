package arn

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Noun is a kind of resource whose name has limits, spelled service and noun: "sqs queue".
type Noun uint8

// The nouns.
const (
	_ Noun = iota
	SQSQueue
	SNSTopic
	LambdaFunction
	LambdaAlias
	LambdaLayer
	DynamoDBTable
	DynamoDBIndex
	S3Bucket
	KinesisStream
	EventsBus
	EventsRule
	EventsTarget
	SchedulerSchedule
	SchedulerGroup
	PipesPipe
	StatesMachine
	StatesExecution
	StatesActivity
	LogsGroup
	LogsStream
	IAMUser
	IAMRole
	IAMGroup
	IAMPolicy
	STSSession
	KMSAlias
	SecretsSecret
	SSMParameter
	CloudFormationStack
	CloudWatchAlarm
	ECRRepository
	nounEnd
)

type rule struct {
	noun     string
	min, max int
	punct    string // allowed beside letters and digits
	more     func(string) string
}

func (n Noun) rule() rule {
	switch n {
	case SQSQueue:
		return rule{"queue", 1, 80, "-_", fifo}
	case SNSTopic:
		return rule{"topic", 1, 256, "-_", fifo}
	case LambdaFunction:
		return rule{"function", 1, 64, "-_", nil}
	case LambdaAlias:
		return rule{"alias", 1, 128, "-_", notNumber}
	case LambdaLayer:
		return rule{"layer", 1, 140, "-_", nil}
	case DynamoDBTable:
		return rule{"table", 3, 255, "-_.", nil}
	case DynamoDBIndex:
		return rule{"index", 3, 255, "-_.", nil}
	case S3Bucket:
		return rule{"bucket", 3, 63, "-.", bucket}
	case KinesisStream:
		return rule{"stream", 1, 128, "-_.", nil}
	case EventsBus:
		return rule{"event bus", 1, 256, "-_./", nil}
	case EventsRule:
		return rule{"rule", 1, 64, "-_.", nil}
	case EventsTarget:
		return rule{"target", 1, 64, "-_.", nil}
	case SchedulerSchedule:
		return rule{"schedule", 1, 64, "-_.", nil}
	case SchedulerGroup:
		return rule{"schedule group", 1, 64, "-_.", nil}
	case PipesPipe:
		return rule{"pipe", 1, 64, "-_.", nil}
	case StatesMachine:
		return rule{"state machine", 1, 80, "-_", nil}
	case StatesExecution:
		return rule{"execution", 1, 80, "-_", nil}
	case StatesActivity:
		return rule{"activity", 1, 80, "-_", nil}
	case LogsGroup:
		return rule{"log group", 1, 512, "-_./#", nil}
	case LogsStream:
		return rule{"log stream", 1, 512, "", stream}
	case IAMUser:
		return rule{"user", 1, 64, "_+=,.@-", nil}
	case IAMRole:
		return rule{"role", 1, 64, "_+=,.@-", nil}
	case IAMGroup:
		return rule{"group", 1, 128, "_+=,.@-", nil}
	case IAMPolicy:
		return rule{"policy", 1, 128, "_+=,.@-", nil}
	case STSSession:
		return rule{"session", 2, 64, "_+=,.@-", nil}
	case KMSAlias:
		return rule{"alias", 1, 256, "-_/:", alias}
	case SecretsSecret:
		return rule{"secret", 1, 512, "/_+=.@-", nil}
	case SSMParameter:
		return rule{"parameter", 1, 2048, "_.-/", parameter}
	case CloudFormationStack:
		return rule{"stack", 1, 128, "-", letterFirst}
	case CloudWatchAlarm:
		return rule{"alarm", 1, 255, "", printable}
	case ECRRepository:
		return rule{"repository", 2, 256, "-_./", repository}
	}
	return rule{}
}

// String gives AWS's word for the noun.
func (n Noun) String() string { return n.rule().noun }

// CheckName tells what is wrong with a resource's name: length in characters, its alphabet, and the noun's own rules.
// The caller turns it into its service's error.
func CheckName(n Noun, name string) error {
	r := n.rule()
	if r.max == 0 {
		return fmt.Errorf("name %q: no such kind of resource", clip(name))
	}
	if l := utf8.RuneCountInString(name); l < r.min || l > r.max {
		return fmt.Errorf("%s name: must have %d to %d characters, has %d", r.noun, r.min, r.max, l)
	}
	body := name
	if n == SQSQueue || n == SNSTopic {
		body = strings.TrimSuffix(name, ".fifo")
	}
	if n != LogsStream && n != CloudWatchAlarm {
		for i := range len(body) {
			c := body[i]
			if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte(r.punct, c) < 0 {
				return fmt.Errorf("%s name %q: may have letters, digits and %q only", r.noun, clip(name), r.punct)
			}
		}
	}
	if r.more != nil {
		if why := r.more(name); why != "" {
			return fmt.Errorf("%s name %q: %s", r.noun, clip(name), why)
		}
	}
	return nil
}

func fifo(s string) string {
	if s == ".fifo" {
		return "nothing stands before .fifo"
	}
	return ""
}

func notNumber(s string) string {
	if strings.Trim(s, "0123456789") == "" {
		return "must not be a number"
	}
	return ""
}

func stream(s string) string {
	if strings.ContainsAny(s, ":*") {
		return "must not have : or *"
	}
	return ""
}

func printable(s string) string {
	for _, c := range s {
		if c < ' ' || c == 0x7f {
			return "must not have control characters"
		}
	}
	return ""
}

func alias(s string) string {
	rest, ok := strings.CutPrefix(s, "alias/")
	if !ok || rest == "" {
		return "must begin with alias/"
	}
	return ""
}

func parameter(s string) string {
	low := strings.ToLower(strings.TrimPrefix(s, "/"))
	switch {
	case strings.HasPrefix(low, "aws") || strings.HasPrefix(low, "ssm"):
		return "must not begin with aws or ssm"
	case strings.Count(s, "/") > 15:
		return "must not have more than 15 levels"
	case strings.Contains(s, "/") && !strings.HasPrefix(s, "/"):
		return "must be fully qualified: it has a / and does not begin with one"
	case strings.HasSuffix(s, "/") || strings.Contains(s, "//"):
		return "has an empty level"
	}
	return ""
}

func letterFirst(s string) string {
	if c := s[0] | 0x20; c < 'a' || c > 'z' {
		return "must begin with a letter"
	}
	return ""
}

func repository(s string) string {
	if s != strings.ToLower(s) {
		return "must be lower case"
	}
	for p := range strings.SplitSeq(s, "/") {
		if p == "" || strings.Trim(p, "-_.") != p {
			return "each part must begin and end with a letter or digit"
		}
	}
	return ""
}

// bucket holds the rules of Amazon S3 User Guide, "General purpose bucket naming rules".
func bucket(s string) string {
	alnum := func(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }
	switch {
	case s != strings.ToLower(s):
		return "must be lower case"
	case !alnum(s[0]) || !alnum(s[len(s)-1]):
		return "must begin and end with a letter or digit"
	case strings.Contains(s, ".."):
		return "must not have two dots in a row"
	case ipv4(s):
		return "must not be formatted as an IP address"
	}
	for _, p := range [...]string{"xn--", "sthree-", "amzn-s3-demo-"} {
		if strings.HasPrefix(s, p) {
			return "must not begin with " + p
		}
	}
	for _, p := range [...]string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"} {
		if strings.HasSuffix(s, p) {
			return "must not end with " + p
		}
	}
	return ""
}

func ipv4(s string) bool {
	n := 0
	for p := range strings.SplitSeq(s, ".") {
		n++
		if p == "" || len(p) > 3 || strings.Trim(p, "0123456789") != "" {
			return false
		}
	}
	return n == 4
}
