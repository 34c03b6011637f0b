// Package resource says what a CloudFormation resource type is: how a stack makes, changes, reads and removes one
// resource through the operations of the service that owns it (AWS CloudFormation User Guide, Resource type handlers).
//
// A service brings its types by gate.Parts. A type has no state and no rights of its own: every operation it calls goes
// through Request.Invoker, which carries the identity of the stack, so it passes the gate like any other call. A type is
// called by a durable step: it may be called twice with the same Token and must then answer the same.
//
// It does not read templates and knows no intrinsic function: properties arrive resolved.
package resource

import (
	"context"
	"time"

	"virga/internal/wire"
)

// A Type is one resource type.
type Type interface {
	// Name is AWS's name: "AWS::SQS::Queue".
	Name() string
	// Supports lists the properties that are implemented, by their paths in the published schema: "QueueName",
	// "VersioningConfiguration". A path covers what is below it. A template that uses another property of the
	// schema is refused by name before anything is made.
	Supports() []string
	// Create makes the resource. It answers with Physical as soon as the resource exists, Pending while it is not ready.
	Create(ctx context.Context, r *Request) (*Progress, error)
	// Update changes it in place.
	Update(ctx context.Context, r *Request) (*Progress, error)
	// Delete removes it; one that is gone already is no error.
	Delete(ctx context.Context, r *Request) (*Progress, error)
	// Read gives the attributes of an existing one.
	Read(ctx context.Context, r *Request) (*Progress, error)
}

// A Namer chooses the physical name before Create, so that a crash between choosing and making loses nothing. The stack
// records it. Types whose service draws the id (a REST API's, an event source mapping's) have none and find what they
// made by Token.
type Namer interface {
	// PhysicalName gives the name the template asks for, or one made of r's stack, logical id and Suffix.
	PhysicalName(r *Request) string
}

// A Replacer says that a change cannot be made in place where the published schema does not.
type Replacer interface {
	Replaces(r *Request) bool
}

// A Refuser names the values that it does not implement, before anything of a stack is made. What other resources will
// give stands in the properties as plausible text; only a wire.Unsupported answer counts.
type Refuser interface {
	Refuses(p Properties) error
}

// Request is one operation on one resource.
type Request struct {
	Type       string
	LogicalID  string
	StackID    string
	StackName  string
	Token      string // the same for a repeat of the same effect
	Suffix     string // drawn once per physical resource: 12 characters
	Physical   string // chosen by a Namer before Create; what Create gave afterwards
	Properties Properties
	Previous   Properties        // Update: as they are
	Tags       map[string]string // of the stack, with aws:cloudformation:* ones
	// Context is what the last Pending answer gave; nil at the first call.
	Context []byte
	Invoker wire.Invoker // calls with the stack's identity
	Call    *wire.Call   // account, region and partition meant
}

// Progress is how far an operation got.
type Progress struct {
	Physical   string
	Ref        string         // what Ref gives, "" = Physical
	Attributes map[string]any // what GetAtt gives
	Pending    bool           // not ready: call again After, with Context
	After      time.Duration
	Context    []byte
}

// Name makes a physical name as CloudFormation does: <stack>-<logical>-<suffix>, each part cut so that the whole has at
// most max characters.
func (r *Request) Name(max int) string {
	stack, logical, suffix := r.StackName, r.LogicalID, r.Suffix
	room := max - len(suffix) - 2
	if room < 2 {
		return suffix[:min(max, len(suffix))]
	}
	if len(stack)+len(logical) > room {
		half := room / 2
		switch {
		case len(logical) <= half:
			stack = stack[:room-len(logical)]
		case len(stack) <= half:
			logical = logical[:room-len(stack)]
		default:
			stack, logical = stack[:half], logical[:room-half]
		}
	}
	return stack + "-" + logical + "-" + suffix
}
