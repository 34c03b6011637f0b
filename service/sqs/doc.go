// Package sqs is Amazon Simple Queue Service: queues, their messages, dead letters and message moves, on both of its
// protocols (Amazon SQS Developer Guide; Amazon SQS API Reference).
//
// What differs from AWS: FIFO queues and KMS keys of one's own are not there yet and are refused by name; a queue may be
// made again at once after its deletion (AWS asks for 60 seconds); the counts of messages are exact where AWS's are
// approximate, as long as a queue holds no more than the index does.
//
// A queue's messages are rows; which of them are visible, delayed or in flight is an index in memory at the owner of the
// account's shard, built from the rows when first asked. A receive commits without waiting for the disk: a crash shows
// its messages early, which a standard queue may. Sends and deletes are synced.
package sqs
