// Package logs is Amazon CloudWatch Logs: groups, streams, their events, retention, tags and Live Tail (Amazon CloudWatch
// Logs User Guide; Amazon CloudWatch Logs API Reference).
//
// What differs from AWS: the class is STANDARD alone, keys of one's own are refused until KMS is there, and so are linked
// accounts; an entity is answered with rejectedEntityInfo (UnsupportedLogGroupType), its events are kept; metric filters,
// subscription filters, Insights and exports are not there yet; there is no quota of calls per second. Live Tail shows what
// the node that serves the session took in. Tokens of FilterLogEvents belong to one query. A page of FilterLogEvents that
// found nothing yet carries a nextToken once ScanBytesMax bytes were looked through. lastEventTimestamp and the stream order
// by it are exact, where AWS's are an hour late; storedBytes of a group lags by UsageEvery and a crash loses as much.
// Retention is looked at once an hour and drops whole days (UTC).
//
// The host prefix of StartLiveTail (streaming-, since 2026 stream-) is accepted before every host of this server. Clients
// that put it before 127.0.0.1 find no such host: set AWS_DISABLE_HOST_PREFIX_INJECTION=true (botocore: Config with
// inject_host_prefix=False; SDK for JavaScript: disableHostPrefix), or use an endpoint like
// http://api.localhost:4566 where names below localhost are resolved.
//
// Events lie in chunks: compressed, of one stream and one minute, at most chunkMax bytes; puts of one stream within a second
// share a chunk while it is small. Small index rows name the chunks of a group and of a stream by time, so a page is read
// with few rows and bounded memory, forwards and backwards.
package logs
