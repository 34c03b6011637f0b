package sqs

import (
	"hash/fnv"
	"time"

	"virga/internal/store"
)

// Keys: FamilySQS ‖ 0 ‖ account ‖ "q" ‖ region ‖ name → queue;  FamilySQS ‖ shard ‖ account ‖ "m" ‖ queue id ‖
// generation ‖ sent (ns) ‖ message id → message;  FamilySQS ‖ 0 ‖ account ‖ "t" ‖ region ‖ task → moveTask.
//
// The shard is the account's, so that a queue and its dead-letter queue, which share account and region, have one owner.

const shardsOfQueues = 8

func shardOf(account string) uint16 {
	h := fnv.New32a()
	h.Write([]byte(account))
	return uint16(h.Sum32() % shardsOfQueues)
}

// queue is a queue's record.
type queue struct {
	Name       string            `rec:"1"`
	ID         string            `rec:"2"` // never used again, unlike the name
	Account    string            `rec:"3"`
	Region     string            `rec:"4"`
	Generation uint64            `rec:"5"` // raised by a purge
	Created    time.Time         `rec:"6"`
	Modified   time.Time         `rec:"7"`
	Purged     time.Time         `rec:"8"`
	Tags       map[string]string `rec:"9"`

	Delay         int64  `rec:"10"` // seconds
	MaxSize       int64  `rec:"11"` // bytes
	Retention     int64  `rec:"12"` // seconds
	ReceiveWait   int64  `rec:"13"` // seconds
	Visibility    int64  `rec:"14"` // seconds
	SSEOff        bool   `rec:"15"`
	Policy        string `rec:"16"`
	RedrivePolicy string `rec:"17"` // as given
	DeadLetterARN string `rec:"18"`
	MaxReceive    int64  `rec:"19"`
	RedriveAllow  string `rec:"20"`
	Unknown       store.Unknown
}

func (q *queue) arn() string { return "arn:aws:sqs:" + q.Region + ":" + q.Account + ":" + q.Name }

func queueKey(account, region, name string) store.Key {
	return store.K(store.FamilySQS, 0, account).Str("q").Str(region).Str(name)
}

func queuesOf(account, region string) store.Key {
	return store.K(store.FamilySQS, 0, account).Str("q").Str(region)
}

// message is a message's row.
type message struct {
	ID         string      `rec:"1"`
	Body       string      `rec:"2"`
	Sender     string      `rec:"3"` // unique id of who sent it
	Sent       time.Time   `rec:"4"`
	VisibleAt  time.Time   `rec:"5"` // not before it
	Received   int64       `rec:"6"`
	FirstSeen  time.Time   `rec:"7"`
	Attributes []attribute `rec:"8"`
	Trace      string      `rec:"9"`  // AWSTraceHeader
	Source     string      `rec:"10"` // ARN of the queue it came from, in a dead-letter queue
	Unknown    store.Unknown
}

// attribute is a message attribute.
type attribute struct {
	Name   string `rec:"1"`
	Type   string `rec:"2"`
	String string `rec:"3"`
	Binary []byte `rec:"4"`
	IsBin  bool   `rec:"5"`
}

func messagesOf(q *queue, generation uint64) store.Key {
	return store.K(store.FamilySQS, shardOf(q.Account), q.Account).Str("m").Str(q.ID).Uint(generation)
}

func messageKey(q *queue, sent time.Time, id string) store.Key {
	return messagesOf(q, q.Generation).Time(sent).Str(id)
}

// moveTask is a StartMessageMoveTask under way or ended.
type moveTask struct {
	ID          string    `rec:"1"`
	Source      string    `rec:"2"` // ARNs
	Destination string    `rec:"3"` // "" = back to where each message came from
	Rate        int64     `rec:"4"` // messages per second, 0 = as fast as the limit
	Status      string    `rec:"5"`
	Moved       int64     `rec:"6"`
	ToMove      int64     `rec:"7"`
	Started     time.Time `rec:"8"`
	Failure     string    `rec:"9"`
	Unknown     store.Unknown
}

func taskKey(account, region, id string) store.Key {
	return store.K(store.FamilySQS, 0, account).Str("t").Str(region).Str(id)
}

func tasksOf(account, region string) store.Key {
	return store.K(store.FamilySQS, 0, account).Str("t").Str(region)
}

func queueScope(account string) string { return "sqs/" + account }

func messageTopic(queueID string) string { return "sqs/m/" + queueID }
