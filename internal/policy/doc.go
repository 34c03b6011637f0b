// Package policy is the IAM policy language: it reads policy documents, refuses wrong ones in AWS's words, brings them
// to a normal form, compiles them, and decides requests: Evaluate says allowed or denied, by which kind of policy, by
// which policy and by which statement.
//
// Source: IAM User Guide, "IAM JSON policy reference" and "Policy evaluation logic".
//
// What the guide leaves open, and what is done here:
//   - a string in Resource is matched as a whole, so * may span colons; ARN conditions are matched part by part;
//   - a variable without a value and without a default matches nothing; in a NotResource it makes an Allow fail and a
//     Deny hold;
//   - a variable of a key with several values has no value;
//   - a key with several values under an operator without ForAllValues or ForAnyValue: one of them must match, and for a
//     negated operator none;
//   - NotPrincipal in a Deny spares a principal only where its account, its user or role, and its session are all named,
//     and in an Allow reaches only principals of which none is named;
//   - the principal "*" counts as a grant to the user, or to the role and not to its session;
//   - duplicate keys are refused everywhere; names of operators are read in any case.
//
// It is not the policy plane: which policies concern a call is found by internal/authority, and the keys of a request
// come from the services.
package policy
