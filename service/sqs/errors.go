package sqs

import (
	"errors"
	"fmt"

	sqsapi "virga/api/sqs"
	"virga/internal/peer"
	"virga/internal/store"
	"virga/internal/wire"
)

var (
	errNoQueue     = errors.New("sqs: the queue is gone")
	errStale       = errors.New("sqs: the queue was purged meanwhile")
	errOverLimit   = errors.New("sqs: too many messages in flight")
	errNotInFlight = errors.New("sqs: the message is not in flight")
)

func missing(name string) error {
	return wire.Errorf("MissingParameter", 400, "The request must contain the parameter %s.", name)
}

func invalid(value any, name, reason string) error {
	return wire.Errorf("InvalidParameterValue", 400, "Value %v for parameter %s is invalid. Reason: %s", value, name, reason)
}

func noQueue() error {
	return &sqsapi.QueueDoesNotExist{Message: "The specified queue does not exist."}
}

func handleInvalid(h string) error {
	return &sqsapi.ReceiptHandleIsInvalid{Message: fmt.Sprintf("The input receipt handle \"%s\" is not a valid receipt handle.", h)}
}

func unknownAttribute(name string) error {
	return &sqsapi.InvalidAttributeName{Message: "Unknown Attribute " + name + "."}
}

func badAttribute(name string) error {
	return &sqsapi.InvalidAttributeValue{Message: "Invalid value for the parameter " + name + "."}
}

// translate turns the engine's and the planes' errors into AWS's.
func translate(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errNoQueue):
		return noQueue()
	case errors.Is(err, errOverLimit):
		return &sqsapi.OverLimit{Message: "Too many messages in flight."}
	case errors.Is(err, peer.ErrNotOwner), errors.Is(err, peer.ErrNoOwner), errors.Is(err, store.ErrConflict), errors.Is(err, errStale):
		return wire.Errorf("ServiceUnavailable", 503, "The queue's shard has no owner at the moment; try again.")
	}
	return err
}
