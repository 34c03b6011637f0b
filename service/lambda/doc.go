// Package lambda is AWS Lambda: functions, versions, aliases, permissions, invocations, and event source mappings from
// SQS (AWS Lambda Developer Guide, AWS Lambda API Reference). Environments run in internal/compute; an asynchronous
// event and a mapping's polling are durable steps (jobs.go, poller.go), so nothing acknowledged is lost with a node.
//
// What differs from AWS: packages are zip archives (images, layers, SnapStart, VPCs, file systems, code signing, X-Ray's
// active tracing, KMS keys of one's own and JSON log format are refused by name). A function asked for while it is being
// made is waited for. The other architecture is taken only where code is interpreted. Destinations and dead letters go to
// queues and functions. Provisioned concurrency and function URLs are not there yet.
package lambda
