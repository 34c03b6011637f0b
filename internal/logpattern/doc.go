// Package logpattern compiles and matches CloudWatch Logs' filter patterns: terms, JSON selectors, space-delimited
// fields and regular expressions, as metric filters, subscription filters, FilterLogEvents and Live Tail take them.
//
// Source: Amazon CloudWatch Logs User Guide, "Filter pattern syntax for metric filters, subscription filters, filter
// log events, and Live Tail".
//
// What the guide leaves open, and what is done here:
//   - optional terms (?term) beside required or excluded ones are ignored, as the guide's note says; the others decide;
//   - a comparison with a field that is absent, null, an array or an object is false, != included;
//   - true and false are met by IS TRUE, IS FALSE and the wildcard * alone;
//   - a number compared with a quoted string or one with a wildcard is compared by its text;
//   - the asterisk is a wildcard at the ends of a value and itself in its middle;
//   - a regular expression stands alone or as a value in { } and [ ], never among terms;
//   - wildcards in selectors ($.* and $.a[*]) and quoted names ($['a.b']) are refused by name.
//
// It is not a query language: Logs Insights has its own.
package logpattern
