package logs

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"

	"virga/internal/store"
	"virga/internal/wire"
)

// Limits of one page.
const (
	// ScanBytesMax is how many bytes of events a page looks through before it ends with what it has.
	ScanBytesMax  = 16 << 20
	pageBytesMax  = 1 << 20
	pageEventsMax = 10_000
	rangeCost     = 1 << 10 // what looking for rows counts as
	rowsPerView   = 2000
	refsMax       = 250_000 // chunks of a group in one minute
	loadBytes     = 1 << 20 // of chunks read together
	loadChunks    = 32
)

// pos is an event's place in the order of events: by its time, the time it was put, its stream and its chunk.
type pos struct {
	ts, ingested int64
	stream       string // id
	seq          uint64
	at           int // in the chunk
}

func (p pos) compare(q pos) int {
	return cmp.Or(cmp.Compare(p.ts, q.ts), cmp.Compare(p.ingested, q.ingested), strings.Compare(p.stream, q.stream), cmp.Compare(p.seq, q.seq), cmp.Compare(p.at, q.at))
}

// before and after are the places just before and behind all events of a millisecond.
func before(ts int64) pos { return pos{ts: ts, ingested: -1} }

func after(ts int64) pos { return pos{ts: ts, ingested: math.MaxInt64} }

// event is an event found.
type event struct {
	pos
	name    string // of the stream
	message string
}

// scan looks for a page of events of a group. It reads chunks minute by minute in many short views, decodes one at a time
// and keeps the best candidates only: those that come first in the direction of the scan.
type scan struct {
	s       *Service
	g       *group
	streams []*stream // nil: all of the group
	prefix  string    // of stream names
	lo, hi  int64     // lo <= time < hi
	match   func(message string) bool
	max     int
	back    bool
	from    *pos // go on behind it; nil: from the start

	spent   int64
	alive   map[string]string // stream name → id, "" where there is none
	found   []event
	bytes   int
	trimmed bool
	cut     *pos // candidates behind it are of no use
	sorted  int  // candidates in order
	buf     []byte
}

// chunkRef is an index row.
type chunkRef struct {
	min    int64
	stream string // id
	seq    uint64
	index
	packed []byte
}

// run gives the page and where the next one goes on, nil where everything was seen. Events come in the scan's direction.
func (q *scan) run(ctx context.Context) ([]event, *pos, error) {
	q.alive = map[string]string{}
	for _, st := range q.streams {
		q.alive[st.Name] = st.ID
	}
	start := q.lo
	if q.back {
		start = q.hi - 1
	}
	if q.from != nil {
		if q.back {
			start = min(start, q.from.ts)
		} else {
			start = max(start, q.from.ts)
		}
	}
	if q.lo >= q.hi || start < q.lo || start >= q.hi {
		return nil, nil, nil
	}
	at := start - start%minuteMillis
	if q.back {
		at += minuteMillis
	}
	for {
		m, err := q.seek(ctx, at)
		if err != nil {
			return nil, nil, err
		}
		if m < 0 {
			return q.page(false)
		}
		minute := m - m%minuteMillis
		edge := max(m, start)
		if q.back {
			edge = min(minute+minuteMillis-1, start)
		}
		if q.full(edge) {
			return q.page(true)
		}
		if q.spent >= q.s.scanBytes && edge != start {
			return q.stop(edge)
		}
		refs, err := q.list(ctx, minute, start)
		if err != nil {
			return nil, nil, err
		}
		for i := range refs {
			r := &refs[i]
			edge := max(r.min, start)
			if q.back {
				edge = min(r.Max, start)
			}
			if q.full(edge) {
				return q.page(true)
			}
			if q.spent >= q.s.scanBytes && edge != start {
				return q.stop(edge)
			}
			if r.packed == nil {
				if err := q.load(ctx, refs[i:]); err != nil {
					return nil, nil, err
				}
			}
			if r.packed == nil {
				continue // dropped meanwhile
			}
			if err := q.take(r, minute); err != nil {
				return nil, nil, err
			}
			r.packed = nil
		}
		if at = minute + minuteMillis; q.back {
			at = minute
		}
	}
}

// order compares places in the direction of the scan.
func (q *scan) order(a, b pos) int {
	if q.back {
		a, b = b, a
	}
	return a.compare(b)
}

// full tells whether the page is complete, given that nothing before edge is still to come.
func (q *scan) full(edge int64) bool {
	if len(q.found) >= q.max || q.bytes >= pageBytesMax {
		q.trim()
	}
	if q.cut == nil {
		return false
	}
	if q.back {
		return edge < q.cut.ts
	}
	return edge > q.cut.ts
}

// trim leaves the candidates that fit on a page.
func (q *scan) trim() {
	if q.sorted == len(q.found) {
		return
	}
	slices.SortFunc(q.found, func(a, b event) int { return q.order(a.pos, b.pos) })
	n, bytes := 0, 0
	for n < len(q.found) && n < q.max {
		size := len(q.found[n].message) + eventOverhead
		if n > 0 && bytes+size > pageBytesMax {
			break
		}
		bytes += size
		n++
	}
	if n < len(q.found) {
		q.trimmed = true
	}
	if n == q.max || n < len(q.found) {
		last := q.found[n-1].pos
		q.cut = &last
	}
	clear(q.found[n:])
	q.found, q.bytes, q.sorted = q.found[:n], bytes, n
}

// page ends the scan where the page is complete or everything was seen.
func (q *scan) page(more bool) ([]event, *pos, error) {
	q.trim()
	if (more || q.trimmed) && len(q.found) > 0 {
		last := q.found[len(q.found)-1].pos
		return q.found, &last, nil
	}
	return q.found, nil, nil
}

// stop ends the scan before everything was seen: what lies before edge is sure.
func (q *scan) stop(edge int64) ([]event, *pos, error) {
	q.trim()
	next := before(edge)
	if q.back {
		next = after(edge)
	}
	for i := range q.found {
		if q.order(q.found[i].pos, next) > 0 {
			q.found = q.found[:i]
			break
		}
	}
	return q.found, &next, nil
}

// take decodes a chunk and keeps its candidates.
func (q *scan) take(r *chunkRef, minute int64) error {
	b, err := q.s.codec.unpack(r.packed, q.buf)
	if err != nil {
		return err
	}
	q.buf = b
	q.spent += int64(len(b))
	plain := string(b)
	return each(plain, minute, func(at int, ts, ingested int64, message string) {
		p := pos{ts, ingested, r.stream, r.seq, at}
		switch {
		case ts < q.lo || ts >= q.hi,
			q.from != nil && q.order(p, *q.from) <= 0,
			q.match != nil && !q.match(message):
			return
		case q.cut != nil && q.order(p, *q.cut) > 0:
			q.trimmed = true
			return
		}
		q.found = append(q.found, event{p, r.Stream, strings.Clone(message)})
		q.bytes += len(message) + eventOverhead
		if len(q.found) >= 2*q.max || q.bytes >= 2*pageBytesMax {
			q.trim()
		}
	})
}

// seek gives the first event's time of the first chunk from a minute on (backwards: of the last chunk before it), -1 where
// there is none.
func (q *scan) seek(ctx context.Context, at int64) (found int64, err error) {
	a, g := q.g.Account, q.g.ID
	lo := q.lo - q.lo%minuteMillis
	err = q.s.cfg.Store.View(ctx, func(r store.Reader) error {
		found = -1
		better := func(m int64) {
			if found < 0 || q.back && m > found || !q.back && m < found {
				found = m
			}
		}
		one := func(p store.Key, part int) bool {
			q.spent += rangeCost
			from, to := max(at, lo), q.hi
			if q.back {
				from, to = lo, at
			}
			ok := false
			if from < to {
				r.Range(store.Span{From: p.Uint(uint64(from)), To: p.Uint(uint64(to)), Reverse: q.back}, func(k store.Key, _ []byte) bool {
					better(int64(k.UintPart(part)))
					ok = true
					return false
				})
			}
			return ok
		}
		if q.streams == nil {
			one(indexOf(a, g), 2)
			return nil
		}
		for _, st := range q.streams {
			if q.back {
				for d := min(at, st.Last) / dayMillis; d >= max(lo, st.First)/dayMillis; d-- {
					if one(streamIndexOf(a, g, d, st.ID), 4) {
						break
					}
				}
			} else {
				for d := max(at, lo, st.First) / dayMillis; d <= min(q.hi-1, st.Last)/dayMillis; d++ {
					if one(streamIndexOf(a, g, d, st.ID), 4) {
						break
					}
				}
			}
		}
		return nil
	})
	return found, err
}

// list gives the chunks of a minute that may hold what is looked for, in the order to read them.
func (q *scan) list(ctx context.Context, minute, start int64) ([]chunkRef, error) {
	a, g := q.g.Account, q.g.ID
	var refs []chunkRef
	rows := func(p store.Key, read func(k store.Key) (min int64, stream string, seq uint64)) error {
		from, to := p.Uint(uint64(minute)), p.Uint(uint64(minute+minuteMillis))
		for {
			n := 0
			var batch []chunkRef
			last := from
			err := q.s.cfg.Store.View(ctx, func(r store.Reader) error {
				n, batch = 0, batch[:0]
				store.Each(r, store.Span{From: from, To: to}, func(k store.Key, x *index) bool {
					n++
					last = k
					m, stream, seq := read(k)
					if q.wanted(r, x.Stream, stream) && x.Max >= q.lo && m < q.hi && (q.back && m <= start || !q.back && x.Max >= start) {
						batch = append(batch, chunkRef{min: m, stream: stream, seq: seq, index: *x})
					}
					return n < rowsPerView
				})
				return nil
			})
			if err != nil {
				return err
			}
			q.spent += rangeCost + int64(n)*64
			if refs = append(refs, batch...); len(refs) > refsMax {
				return &wire.Error{Code: "ServiceUnavailableException", Status: 500, Message: "Too many log streams were written to in one minute.", Server: true}
			}
			if n < rowsPerView {
				return nil
			}
			from = append(slices.Clone(last), 0)
		}
	}
	if q.streams == nil {
		if err := rows(indexOf(a, g), func(k store.Key) (int64, string, uint64) {
			p, err := k.Parts()
			if err != nil || len(p) != 5 {
				panic(store.ErrCorrupt)
			}
			return int64(p[2].(uint64)), p[3].(string), p[4].(uint64)
		}); err != nil {
			return nil, err
		}
	}
	for _, st := range q.streams {
		if st.Last < minute || st.First >= minute+minuteMillis {
			continue
		}
		if err := rows(streamIndexOf(a, g, minute/dayMillis, st.ID), func(k store.Key) (int64, string, uint64) {
			p, err := k.Parts()
			if err != nil || len(p) != 6 {
				panic(store.ErrCorrupt)
			}
			return int64(p[4].(uint64)), st.ID, p[5].(uint64)
		}); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(refs, func(x, y chunkRef) int {
		if q.back {
			return cmp.Compare(y.Max, x.Max)
		}
		return cmp.Compare(x.min, y.min)
	})
	return refs, nil
}

// wanted tells whether a chunk's stream is looked for; a stream deleted since is not, even where its name lives on.
func (q *scan) wanted(r store.Reader, name, id string) bool {
	if q.prefix != "" && !strings.HasPrefix(name, q.prefix) {
		return false
	}
	now, ok := q.alive[name]
	if !ok {
		if st, there := store.Load[stream](r, streamKey(q.g.Account, q.g.ID, name)); there {
			now = st.ID
		}
		q.alive[name] = now
	}
	return now == id
}

// load reads the next chunks together.
func (q *scan) load(ctx context.Context, refs []chunkRef) error {
	n, bytes := 0, int64(0)
	for n < len(refs) && n < loadChunks && (n == 0 || bytes+refs[n].Plain <= loadBytes) {
		bytes += refs[n].Plain
		n++
	}
	return q.s.cfg.Store.View(ctx, func(r store.Reader) error {
		for i := range refs[:n] {
			x := &refs[i]
			x.packed = nil
			if c, ok := store.Load[chunk](r, chunkKey(q.g.Account, q.g.ID, x.min, x.stream, x.seq)); ok {
				x.packed = c.Packed
			}
		}
		return nil
	})
}
