package openapi

import "bytes"

// Roles are the ARNs of the roles that a document has API Gateway assume: its authorizers' and its integrations' credentials. It is
// empty where the document cannot be read: the operation refuses that.
func Roles(doc []byte) []string {
	if !bytes.Contains(doc, []byte("redentials")) {
		return nil
	}
	a, err := Import(doc, Limits{})
	if err != nil {
		return nil
	}
	var out []string
	add := func(role string) {
		if role != "" {
			out = append(out, role)
		}
	}
	for _, z := range a.Authorizers {
		add(z.Credentials)
	}
	for _, m := range a.Methods {
		if m.Integration != nil {
			add(m.Integration.Credentials)
		}
	}
	return out
}
