package lambda

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"

	lambdaapi "virga/api/lambda"
	"virga/internal/env"
	"virga/internal/store"
	"virga/internal/wire"
)

const policyBytesMax = 20 << 10

// document is a resource policy as one JSON text, "" where there is none.
func (p policy) document() string {
	if len(p.Statements) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(`{"Version":"2012-10-17","Id":"default","Statement":[`)
	for i, st := range p.Statements {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(st.JSON)
	}
	b.WriteString(`]}`)
	return b.String()
}

// permission is a statement in the order AWS shows it.
type permission struct {
	Sid       string
	Effect    string
	Principal any
	Action    string
	Resource  string
	Condition map[string]map[string]string `json:",omitempty"`
}

var (
	accountText  = regexp.MustCompile(`^[0-9]{12}$`)
	serviceText  = regexp.MustCompile(`^[a-z0-9.-]+\.amazonaws\.com(\.cn)?$`)
	principalARN = regexp.MustCompile(`^arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:.+$`)
)

func statementOf(c *wire.Call, x ref, in *lambdaapi.AddPermissionInput) (string, error) {
	p := permission{Sid: in.StatementId, Effect: "Allow", Action: in.Action, Resource: x.qualified()}
	who := in.Principal
	if c.Domain != "" && c.Domain != "localhost" && strings.HasSuffix(who, "."+c.Domain) {
		who = strings.TrimSuffix(who, c.Domain) + "amazonaws.com"
	} else if strings.HasSuffix(who, ".localhost") {
		who = strings.TrimSuffix(who, "localhost") + "amazonaws.com"
	}
	switch {
	case who == "*":
		p.Principal = "*"
	case accountText.MatchString(who):
		p.Principal = map[string]string{"AWS": "arn:aws:iam::" + who + ":root"}
	case principalARN.MatchString(who):
		p.Principal = map[string]string{"AWS": who}
	case serviceText.MatchString(who):
		p.Principal = map[string]string{"Service": who}
	default:
		return "", invalid("The provided principal was invalid. Please check the principal and try again.")
	}
	cond := map[string]map[string]string{}
	add := func(op, key string, v *string) {
		if v != nil {
			if cond[op] == nil {
				cond[op] = map[string]string{}
			}
			cond[op][key] = *v
		}
	}
	add("StringEquals", "AWS:SourceAccount", in.SourceAccount)
	add("StringEquals", "lambda:FunctionUrlAuthType", in.FunctionUrlAuthType)
	add("StringEquals", "lambda:EventSourceToken", in.EventSourceToken)
	add("StringEquals", "aws:PrincipalOrgID", in.PrincipalOrgID)
	add("ArnLike", "AWS:SourceArn", in.SourceArn)
	if in.InvokedViaFunctionUrl != nil {
		t := "false"
		if *in.InvokedViaFunctionUrl {
			t = "true"
		}
		add("Bool", "lambda:InvokedViaFunctionUrl", &t)
	}
	if len(cond) > 0 {
		p.Condition = cond
	}
	b, err := json.Marshal(p)
	return string(b), err
}

// policyTarget checks that what a qualifier names exists, and refuses $LATEST as AWS does.
func policyTarget(tx store.Reader, x ref) error {
	if x.qualifier == latest {
		return invalid("We currently do not support adding policies for $LATEST.")
	}
	_, err := load(tx, x)
	return err
}

// AddPermission implements the operation.
func (s *Service) AddPermission(ctx context.Context, in *lambdaapi.AddPermissionInput) (*lambdaapi.AddPermissionOutput, error) {
	c := wire.CallOf(ctx)
	x, err := locate(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	text, err := statementOf(c, x, in)
	if err != nil {
		return nil, err
	}
	err = s.update(ctx, x, func(tx store.Tx, f *function) error {
		if err := policyTarget(tx, x); err != nil {
			return err
		}
		k := policyKey(x.qualifier)
		p := f.Policies[k]
		if in.RevisionId != nil && *in.RevisionId != p.Revision {
			return stale()
		}
		for _, st := range p.Statements {
			if st.Sid == in.StatementId {
				if st.JSON == text && c.EffectID != "" {
					return nil // the same step again
				}
				return conflict("The statement id (%s) provided already exists. Please provide a new statement id, or remove the existing statement.", in.StatementId)
			}
		}
		p.Statements = append(p.Statements, statement{in.StatementId, text})
		if len(p.document()) > policyBytesMax {
			return &lambdaapi.PolicyLengthExceededException{Message: "The final policy size (" + itoa(len(p.document())) + ") is bigger than the limit (20480).", Type: wire.P("User")}
		}
		p.Revision = env.NewID(s.cfg.Env)
		if f.Policies == nil {
			f.Policies = map[string]policy{}
		}
		f.Policies[k] = p
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &lambdaapi.AddPermissionOutput{Statement: &text}, nil
}

// AddPermissionRequires implements the operation's requirements.
func (s *Service) AddPermissionRequires(ctx context.Context, in *lambdaapi.AddPermissionInput, r *wire.Requirements) error {
	return s.need(ctx, r, "AddPermission", in.FunctionName, in.Qualifier)
}

// RemovePermission implements the operation.
func (s *Service) RemovePermission(ctx context.Context, in *lambdaapi.RemovePermissionInput) (*lambdaapi.RemovePermissionOutput, error) {
	x, err := locate(wire.CallOf(ctx), in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	err = s.update(ctx, x, func(tx store.Tx, f *function) error {
		k := policyKey(x.qualifier)
		p := f.Policies[k]
		if len(p.Statements) == 0 {
			return &lambdaapi.ResourceNotFoundException{Message: "No policy is associated with the given resource.", Type: wire.P("User")}
		}
		if in.RevisionId != nil && *in.RevisionId != p.Revision {
			return stale()
		}
		for i, st := range p.Statements {
			if st.Sid == in.StatementId {
				p.Statements = append(append([]statement{}, p.Statements[:i]...), p.Statements[i+1:]...)
				p.Revision = env.NewID(s.cfg.Env)
				f.Policies[k] = p
				if len(p.Statements) == 0 {
					delete(f.Policies, k)
				}
				return nil
			}
		}
		return &lambdaapi.ResourceNotFoundException{Message: "Statement " + in.StatementId + " is not found in resource policy.", Type: wire.P("User")}
	})
	return &lambdaapi.RemovePermissionOutput{}, err
}

// RemovePermissionRequires implements the operation's requirements.
func (s *Service) RemovePermissionRequires(ctx context.Context, in *lambdaapi.RemovePermissionInput, r *wire.Requirements) error {
	return s.need(ctx, r, "RemovePermission", in.FunctionName, in.Qualifier)
}

// GetPolicy implements the operation.
func (s *Service) GetPolicy(ctx context.Context, in *lambdaapi.GetPolicyInput) (*lambdaapi.GetPolicyOutput, error) {
	x, err := locate(wire.CallOf(ctx), in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	t, err := s.find(ctx, x)
	if err != nil {
		return nil, err
	}
	p := t.fn.Policies[policyKey(x.qualifier)]
	if len(p.Statements) == 0 {
		return nil, &lambdaapi.ResourceNotFoundException{Message: "The resource you requested does not exist.", Type: wire.P("User")}
	}
	return &lambdaapi.GetPolicyOutput{Policy: wire.P(p.document()), RevisionId: &p.Revision}, nil
}

// GetPolicyRequires implements the operation's requirements.
func (s *Service) GetPolicyRequires(ctx context.Context, in *lambdaapi.GetPolicyInput, r *wire.Requirements) error {
	return s.need(ctx, r, "GetPolicy", in.FunctionName, in.Qualifier)
}
