package cloudformation

import (
	"context"
	"fmt"
	"sort"
	"strings"

	cfnapi "virga/api/cloudformation"
	ssmapi "virga/api/ssm"
	"virga/internal/store"
	"virga/internal/template"
	"virga/internal/wire"
)

// outputs evaluates a stack's outputs and moves its exports; why is not "" where that fails.
func (s *Service) outputs(tx store.Tx, st *stack, b *template.Bound, have map[string]*row) (out []output, why string) {
	look := s.lookup(context.Background(), st, have)
	look.ImportValue = func(name string) (template.Value, error) {
		x, ok := store.Load[export](tx, exportKey(st.Account, st.Region, name))
		if !ok {
			return template.Value{}, reasonf("No export named %s found.", name)
		}
		s.use(tx, st, name)
		return template.StringOf(x.Value), nil
	}
	look.Dynamic = nil
	vs, err := b.Outputs(look)
	if err != nil {
		text, _ := failure(err)
		if text == "" {
			text = err.Error()
		}
		return nil, text
	}
	exports := map[string]string{}
	for _, v := range vs {
		o := output{Key: v.Name, Value: v.Value.Text(), Description: v.Description, Export: v.Export.Text()}
		out = append(out, o)
		if o.Export != "" {
			exports[o.Export] = o.Value
		}
	}
	return out, s.moveExports(tx, st, exports)
}

func noExport(name string) error { return invalid("No export named %s found.", name) }

// moveExports writes a stack's exports; one that another stack uses cannot change.
func (s *Service) moveExports(tx store.Tx, st *stack, want map[string]string) (why string) {
	mine := map[string]string{}
	for _, o := range st.Outputs {
		if o.Export != "" {
			mine[o.Export] = o.Value
		}
	}
	names := make([]string, 0, len(mine)+len(want))
	for n := range mine {
		names = append(names, n)
	}
	for n := range want {
		if _, ok := mine[n]; !ok {
			names = append(names, n)
		}
	}
	sort.Strings(names)
	for _, n := range names {
		v, stays := want[n]
		if old, ok := mine[n]; ok && (!stays || v != old) {
			if users := importers(tx, st.Account, st.Region, n); len(users) > 0 {
				return fmt.Sprintf("Cannot update export %s as it is in use by %s", n, strings.Join(users, ", "))
			}
		}
		k := exportKey(st.Account, st.Region, n)
		if x, ok := store.Load[export](tx, k); ok && x.ID != st.ID {
			return fmt.Sprintf("Export with name %s is already exported by stack %s. Rule: an export name must be unique in account and region.", n, stackNameOf(x.Stack))
		}
		if !stays {
			tx.Delete(k)
			continue
		}
		store.Put(tx, k, &export{Stack: st.arn(), ID: st.ID, Value: v})
	}
	return ""
}

func stackNameOf(arn string) string {
	n, _, _ := idOf(arn)
	return n
}

// importers gives the names of the stacks that use an export.
func importers(r store.Reader, account, region, name string) []string {
	var out []string
	store.Each(r, store.Prefix(importsOf(account, region, name)), func(_ store.Key, x *imported) bool {
		out = append(out, x.Stack)
		return true
	})
	sort.Strings(out)
	return out
}

// importValue reads an export for a resource and notes that the stack uses it, so that nobody takes it away.
func (s *Service) importValue(ctx context.Context, st *stack, name string) (template.Value, error) {
	var value string
	err := s.cfg.Store.Update(ctx, nil, func(tx store.Tx) error {
		x, ok := store.Load[export](tx, exportKey(st.Account, st.Region, name))
		if !ok {
			return reasonf("No export named %s found.", name)
		}
		value = x.Value
		s.use(tx, st, name)
		return nil
	})
	return template.StringOf(value), err
}

// use notes that the operation under way uses an export.
func (s *Service) use(tx store.Tx, st *stack, name string) {
	k := importsOf(st.Account, st.Region, name).Str(st.ID)
	u, ok := store.Load[imported](tx, k)
	if !ok {
		u = &imported{Stack: st.Name, First: st.Operation.Number}
	}
	u.Last = st.Operation.Number
	store.Put(tx, k, u)
}

// settleImports forgets the exports that a stack uses no longer: after an update those it did not find, after its
// rollback those it had begun to use.
func (s *Service) settleImports(tx store.Tx, st *stack, updated bool) {
	var gone []store.Key
	store.Each(tx, store.Prefix(key(st.Account, "i", st.Region)), func(k store.Key, u *imported) bool {
		if k.StrPart(3) == st.ID && (updated && u.Last != st.Operation.Number || !updated && u.First == st.Operation.Number) {
			gone = append(gone, append(store.Key{}, k...))
		}
		return true
	})
	for _, k := range gone {
		tx.Delete(k)
	}
}

// unexport takes away what a stack exported and used.
func (s *Service) unexport(tx store.Tx, st *stack) {
	for _, o := range st.Outputs {
		if o.Export != "" {
			if x, ok := store.Load[export](tx, exportKey(st.Account, st.Region, o.Export)); ok && x.ID == st.ID {
				tx.Delete(exportKey(st.Account, st.Region, o.Export))
			}
		}
	}
	var mine []store.Key
	tx.Range(store.Prefix(key(st.Account, "i", st.Region)), func(k store.Key, _ []byte) bool {
		if k.StrPart(3) == st.ID {
			mine = append(mine, append(store.Key{}, k...))
		}
		return true
	})
	for _, k := range mine {
		tx.Delete(k)
	}
}

// inUse names an export of a stack that others use, for its deletion.
func inUse(r store.Reader, st *stack) string {
	for _, o := range st.Outputs {
		if o.Export != "" {
			if u := importers(r, st.Account, st.Region, o.Export); len(u) > 0 && !(len(u) == 1 && u[0] == st.Name) {
				return fmt.Sprintf("Delete canceled. Cannot delete export %s as it is in use by %s.", o.Export, strings.Join(u, ", "))
			}
		}
	}
	return ""
}

// dynamic resolves {{resolve:ssm:…}} with the operation's rights.
func (s *Service) dynamic(ctx context.Context) func(template.DynamicReference) (string, error) {
	return func(d template.DynamicReference) (string, error) {
		if d.Service != "ssm" && d.Service != "ssm-secure" {
			return "", wire.Unsupported("The dynamic reference " + d.Text)
		}
		name := d.Name
		if d.Version != "" {
			name += ":" + d.Version
		}
		out, err := (&ssmapi.Client{Invoker: s.cfg.Forward}).GetParameter(ctx, &ssmapi.GetParameterInput{Name: name, WithDecryption: wire.P(d.Service == "ssm-secure")})
		if err != nil {
			return "", err
		}
		return wire.V(out.Parameter.Value), nil
	}
}

const listPage = 100

// ListExports implements the operation.
func (s *Service) ListExports(ctx context.Context, in *cfnapi.ListExportsInput) (*cfnapi.ListExportsOutput, error) {
	c := wire.CallOf(ctx)
	out := &cfnapi.ListExportsOutput{Exports: []cfnapi.Export{}}
	after, err := s.untoken(c, "exports", in.NextToken)
	if err != nil {
		return nil, err
	}
	var names []string
	err = s.cfg.Store.View(ctx, func(r store.Reader) error {
		out.Exports, names = []cfnapi.Export{}, nil
		p := key(c.Account, "x", c.Region)
		span := store.Prefix(p)
		if after != "" {
			span = store.After(p, p.Str(after))
		}
		store.Each(r, span, func(k store.Key, x *export) bool {
			n := k.StrPart(2)
			names = append(names, n)
			out.Exports = append(out.Exports, cfnapi.Export{ExportingStackId: &x.Stack, Name: &n, Value: &x.Value})
			return len(names) <= listPage
		})
		return nil
	})
	if err == nil && len(names) > listPage {
		out.Exports = out.Exports[:listPage]
		out.NextToken, err = s.pages().Seal(c, "exports", names[listPage-1])
	}
	return out, err
}

// ListExportsRequires implements the operation's requirements.
func (s *Service) ListExportsRequires(ctx context.Context, in *cfnapi.ListExportsInput, r *wire.Requirements) error {
	r.Need("cloudformation:ListExports", "*")
	return nil
}

// ListImports implements the operation.
func (s *Service) ListImports(ctx context.Context, in *cfnapi.ListImportsInput) (*cfnapi.ListImportsOutput, error) {
	c := wire.CallOf(ctx)
	out := &cfnapi.ListImportsOutput{Imports: []string{}}
	err := s.cfg.Store.View(ctx, func(r store.Reader) error {
		if _, ok := store.Load[export](r, exportKey(c.Account, c.Region, in.ExportName)); !ok {
			return noExport(in.ExportName)
		}
		out.Imports = importers(r, c.Account, c.Region, in.ExportName)
		if len(out.Imports) == 0 {
			return invalid("Export '%s' is not imported by any stack.", in.ExportName)
		}
		return nil
	})
	return out, err
}

// ListImportsRequires implements the operation's requirements.
func (s *Service) ListImportsRequires(ctx context.Context, in *cfnapi.ListImportsInput, r *wire.Requirements) error {
	r.Need("cloudformation:ListImports", "*")
	return nil
}
