package sqs

import "errors"

var (
	errNoQueue     = errors.New("sqs: the queue is gone")
	errOverLimit   = errors.New("sqs: too many messages in flight")
	errNotInFlight = errors.New("sqs: the message is not in flight")
)
