// Package arn reads and writes Amazon Resource Names, account ids, and the names of resources with their limits.
//
// Source: IAM User Guide, "Identify AWS resources with Amazon Resource Names (ARNs)"; the limits of names come from the
// services' API references, by their nouns.
//
// What differs from AWS: an account part must be empty, twelve digits or "aws" (managed policies); services answer
// their own errors for other values, here it is one.
//
// It is not a policy matcher: patterns with * and ? are no ARNs and are judged in internal/policy.
package arn
