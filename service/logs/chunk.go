package logs

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"

	logsapi "virga/api/logs"
	"virga/internal/store"
)

// A chunk unpacked is a row of runs, one per put, each: uvarint ingestion time (ms) ‖ uvarint count ‖ count times (uvarint ms
// since the minute began ‖ uvarint length ‖ message). Two chunks joined are a chunk. Packed it is one zstd frame.

const (
	chunkMax    = 256 << 10 // bytes of a chunk unpacked; one longer event has a chunk of its own
	chunkGrows  = 4 << 10   // bytes up to which a chunk takes in the next put
	chunkOpen   = 1000      // ms for which it does
	unpackedMax = 2 << 20
)

// codec packs chunks; it holds no state between calls.
type codec struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

func newCodec() codec {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2), zstd.WithWindowSize(512<<10), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic(err) // the options are constants
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(unpackedMax))
	if err != nil {
		panic(err)
	}
	return codec{enc, dec}
}

func (c codec) pack(plain []byte) []byte {
	return c.enc.EncodeAll(plain, make([]byte, 0, len(plain)/4+64))
}

func (c codec) unpack(packed []byte, into []byte) ([]byte, error) {
	b, err := c.dec.DecodeAll(packed, into[:0])
	if err != nil {
		return nil, fmt.Errorf("%w: log chunk: %v", store.ErrCorrupt, err)
	}
	return b, nil
}

// piece is a new chunk: events of one minute.
type piece struct {
	min, max int64
	count    int64
	plain    []byte
}

// pieces cuts events in time order into chunks.
func pieces(events []logsapi.InputLogEvent, ingested int64) []piece {
	var out []piece
	for i := 0; i < len(events); {
		minute := events[i].Timestamp / minuteMillis
		j, size := i, 0
		for j < len(events) && events[j].Timestamp/minuteMillis == minute {
			n := len(events[j].Message) + 8
			if j > i && size+n > chunkMax {
				break
			}
			size += n
			j++
		}
		p := piece{min: events[i].Timestamp, max: events[j-1].Timestamp, count: int64(j - i)}
		b := make([]byte, 0, size+16)
		b = binary.AppendUvarint(b, uint64(ingested))
		b = binary.AppendUvarint(b, uint64(j-i))
		for _, e := range events[i:j] {
			b = binary.AppendUvarint(b, uint64(e.Timestamp%minuteMillis))
			b = binary.AppendUvarint(b, uint64(len(e.Message)))
			b = append(b, e.Message...)
		}
		p.plain = b
		out = append(out, p)
		i = j
	}
	return out
}

var errChunk = errors.New("log chunk does not decode")

// each calls fn for the events of an unpacked chunk in the order they were put; at counts them. minute is the first
// millisecond of the chunk's minute.
func each(plain string, minute int64, fn func(at int, ts, ingested int64, message string)) error {
	next := func() (uint64, bool) {
		var v uint64
		for i := 0; i < len(plain) && i < binary.MaxVarintLen64; i++ {
			v |= uint64(plain[i]&0x7f) << (7 * i)
			if plain[i] < 0x80 {
				plain = plain[i+1:]
				return v, true
			}
		}
		return 0, false
	}
	at := 0
	for len(plain) > 0 {
		ingested, ok1 := next()
		count, ok2 := next()
		if !ok1 || !ok2 || count > uint64(len(plain)) {
			return errChunk
		}
		for range count {
			delta, ok1 := next()
			n, ok2 := next()
			if !ok1 || !ok2 || delta >= minuteMillis || n > uint64(len(plain)) {
				return errChunk
			}
			fn(at, minute+int64(delta), int64(ingested), plain[:n])
			plain = plain[n:]
			at++
		}
	}
	return nil
}
