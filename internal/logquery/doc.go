// Package logquery is the CloudWatch Logs Insights query language: compiled once, run over an iterator of log events
// within limits that the caller gives (Amazon CloudWatch Logs User Guide, CloudWatch Logs Insights language query syntax).
//
// There are fields, display, filter, parse (glob and regular expression), stats, sort, limit, dedup and pattern, comments,
// the operators and functions of the guide, and the fields that Insights discovers: those of the event (@timestamp,
// @ingestionTime, @message, @logStream, @log, @ptr), of JSON messages (a.b.0.c) and of Lambda's START, END and REPORT lines.
//
// What the guide leaves open, and what is done here:
//   - without sort events come newest first; 10,000 rows at most, as with AWS;
//   - a comparison with a missing field is false, != is true; two values that both read as numbers are compared as such;
//   - percentiles and distinct counts are exact and end with a limit error where AWS estimates;
//   - unmask(f) is f: there is nothing masked; pattern cuts messages at separators and takes tokens with digits for variable,
//     where AWS clusters;
//   - diff, anomaly, join, unnest, lookup, addtotals, filterIndex, SOURCE, subqueries, multi, logfmt and CSV parsing and the
//     JSON functions are refused by name.
//
// It reads no clock and no store: now() is what the caller says.
package logquery
