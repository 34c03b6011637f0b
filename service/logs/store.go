package logs

import (
	"time"

	"virga/internal/store"
)

// Keys, all FamilyLogs ‖ 0 ‖ account:
//
//	"g" ‖ region ‖ name → group
//	"s" ‖ group id ‖ stream name → stream
//	"l" ‖ group id ‖ last event (ms) ‖ stream name → empty: the streams by their last event
//	"x" ‖ group id ‖ first event (ms) ‖ stream id ‖ seq → index: a chunk of the group
//	"i" ‖ group id ‖ day ‖ stream id ‖ first event (ms) ‖ seq → index: a chunk of the stream
//	"c" ‖ group id ‖ first event (ms) ‖ stream id ‖ seq → chunk
//	"u" ‖ group id ‖ day → usage
//
// A day's segment of a group is one range of "x", "i", "c" and "u" each and is dropped whole. Ids are never used again,
// unlike names. All events of a chunk lie in one minute.

const (
	dayMillis    = 24 * 60 * 60 * 1000
	minuteMillis = 60 * 1000
)

// group is a log group's record.
type group struct {
	Name      string            `rec:"1"`
	ID        string            `rec:"2"`
	Account   string            `rec:"3"`
	Region    string            `rec:"4"`
	Created   time.Time         `rec:"5"`
	Retention int64             `rec:"6"` // days, 0 = for ever
	Tags      map[string]string `rec:"7"`
	Protected bool              `rec:"8"` // from deletion
	Unknown   store.Unknown
}

// stream is a log stream's record.
type stream struct {
	Name     string    `rec:"1"`
	ID       string    `rec:"2"`
	Created  time.Time `rec:"3"`
	First    int64     `rec:"4"` // ms; 0 = no event yet
	Last     int64     `rec:"5"`
	Ingested int64     `rec:"6"` // ms
	Seq      uint64    `rec:"7"` // of the newest chunk
	Open     open      `rec:"8"` // the chunk that the next put may share
	Unknown  store.Unknown
}

// open is a stream's newest chunk while it may grow.
type open struct {
	Min   int64  `rec:"1"`
	Seq   uint64 `rec:"2"`
	Began int64  `rec:"3"` // ms
	Plain int64  `rec:"4"` // bytes
}

// index names a chunk.
type index struct {
	Stream string `rec:"1"` // name
	Max    int64  `rec:"2"` // last event, ms
	Count  int64  `rec:"3"`
	Plain  int64  `rec:"4"` // bytes of the chunk unpacked
}

// chunk is a chunk's row.
type chunk struct {
	Packed  []byte `rec:"1"`
	Unknown store.Unknown
}

// usage counts a day's bytes of a group.
type usage struct {
	Bytes   int64 `rec:"1"`
	Unknown store.Unknown
}

func base(account, kind string) store.Key { return store.K(store.FamilyLogs, 0, account).Str(kind) }

func groupsOf(account, region string) store.Key { return base(account, "g").Str(region) }

func groupKey(account, region, name string) store.Key { return groupsOf(account, region).Str(name) }

func streamsOf(account, groupID string) store.Key { return base(account, "s").Str(groupID) }

func streamKey(account, groupID, name string) store.Key { return streamsOf(account, groupID).Str(name) }

func lastsOf(account, groupID string) store.Key { return base(account, "l").Str(groupID) }

func lastKey(account, groupID string, last int64, name string) store.Key {
	return lastsOf(account, groupID).Uint(uint64(last)).Str(name)
}

func indexOf(account, groupID string) store.Key { return base(account, "x").Str(groupID) }

func indexKey(account, groupID string, min int64, streamID string, seq uint64) store.Key {
	return indexOf(account, groupID).Uint(uint64(min)).Str(streamID).Uint(seq)
}

func daysOf(account, groupID string) store.Key { return base(account, "i").Str(groupID) }

func streamIndexOf(account, groupID string, day int64, streamID string) store.Key {
	return daysOf(account, groupID).Uint(uint64(day)).Str(streamID)
}

func streamIndexKey(account, groupID, streamID string, min int64, seq uint64) store.Key {
	return streamIndexOf(account, groupID, min/dayMillis, streamID).Uint(uint64(min)).Uint(seq)
}

func chunksOf(account, groupID string) store.Key { return base(account, "c").Str(groupID) }

func chunkKey(account, groupID string, min int64, streamID string, seq uint64) store.Key {
	return chunksOf(account, groupID).Uint(uint64(min)).Str(streamID).Uint(seq)
}

func usagesOf(account, groupID string) store.Key { return base(account, "u").Str(groupID) }

func usageKey(account, groupID string, day int64) store.Key {
	return usagesOf(account, groupID).Uint(uint64(day))
}

// groupScope is the epoch of an account's groups.
func groupScope(account string) string { return "logs/" + account }
