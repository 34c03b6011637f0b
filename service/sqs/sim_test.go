package sqs

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	sqsapi "virga/api/sqs"
	"virga/internal/admit"
	"virga/internal/authority"
	"virga/internal/gate"
	"virga/internal/job"
	"virga/internal/peer"
	"virga/internal/record"
	"virga/internal/sim"
	"virga/internal/store"
	"virga/internal/store/seal"
	"virga/internal/wire"
)

// The history: three nodes on one store, four clients that send, receive, delete, hide, purge and redrive through
// whichever node they reach, while nodes crash, stall and lose their leases. See check for what must hold.
const (
	simAccount    = "111122223333"
	simRegion     = "us-east-1"
	simClients    = 4
	simCalls      = 45 // of each client
	simMaxReceive = 3
	simDriftMax   = time.Second
)

type simKeys map[uint32]seal.WrappedKey

func (m simKeys) LoadKeys() (map[uint32]seal.WrappedKey, error) { return nil, nil }
func (m simKeys) SaveKey(id uint32, k seal.WrappedKey) error    { m[id] = k; return nil }

// simCall is what a client asks of a node.
type simCall struct {
	op *wire.Op
	in any
}

// clients invokes operations through any node that is up, as the root of the account.
type clients struct {
	w     *sim.World
	env   *sim.Env
	front *sim.Network
}

// Invoke implements wire.Invoker: one call to one node, by chance.
func (c clients) Invoke(ctx context.Context, op *wire.Op, in any) (any, error) {
	for {
		out, err := c.front.From(c.env).Call(ctx, fmt.Sprint("n", c.w.Rand.IntN(3)), simCall{op, in})
		if !errors.Is(err, peer.ErrUnreachable) {
			return out, err
		}
		c.env.Wait(ctx, "never", c.env.Now().Add(300*time.Millisecond))
	}
}

// item is a message a client sent.
type item struct {
	body      string
	queue     string
	began     int // calls are numbered as they begin and end
	ended     int
	acked     bool
	maybe     bool // nobody knows whether it was sent
	deleting  bool // a delete was tried
	gone      int  // since then there is no row of it
	delivered int
}

// handle is what a receive gave.
type handle struct {
	queue, body, handle, key string
	tick                     int
	began, ended, until      time.Time // of the receive; hidden at least until then
}

type history struct {
	t        *testing.T
	w        *sim.World
	sqs      *sqsapi.Client
	sealer   *seal.Sealer
	n        int
	items    map[string]*item
	order    []*item
	held     []*handle
	hiding   map[string]int  // changes of a key's visibility under way, or with unknown outcome
	hid      map[string]int  // when the last one ended
	deleted  map[string]bool // keys whose delete was acknowledged
	purges   []*purge
	queues   map[string]string // ids by name
	received int
	dead     map[string]int // bodies seen in the dead-letter queue
}

type purge struct {
	queue        string
	began, ended int // ended 0: not known
}

func urlOf(queue string) string { return "http://x/" + simAccount + "/" + queue }

// unknown tells whether nobody knows what a call did; every other failure must be one that AWS documents.
func (h *history) unknown(what string, err error, expected ...string) bool {
	if err == nil {
		return false
	}
	if wire.Known(err) {
		code := wire.Info(sqsapi.Model.Schema, wire.JSON10, err).Code
		for _, c := range append(expected, "ServiceUnavailable") {
			if code == c {
				return false
			}
		}
	}
	if !errors.Is(err, store.ErrUnknown) && !errors.Is(err, sim.ErrLost) && !errors.Is(err, peer.ErrUnreachable) && !errors.Is(err, context.Canceled) {
		h.w.Failf("%s: %v", what, err)
	}
	return true
}

func (h *history) tick() int { h.n++; return h.n }

func (h *history) send(ctx context.Context, queue string, n int) {
	var its []*item
	in := &sqsapi.SendMessageBatchInput{QueueUrl: urlOf(queue)}
	for range n {
		it := &item{body: fmt.Sprint("m", len(h.order)), queue: queue, began: h.tick()}
		its, h.order = append(its, it), append(h.order, it)
		h.items[it.body] = it
		e := sqsapi.SendMessageBatchRequestEntry{Id: it.body, MessageBody: it.body}
		if !h.w.Quiet && h.w.Rand.IntN(4) == 0 {
			e.DelaySeconds = wire.P(int32(h.w.Rand.IntN(4)))
		}
		in.Entries = append(in.Entries, e)
		it.maybe = true
	}
	var err error
	if n == 1 {
		_, err = h.sqs.SendMessage(ctx, &sqsapi.SendMessageInput{QueueUrl: in.QueueUrl, MessageBody: its[0].body, DelaySeconds: in.Entries[0].DelaySeconds})
	} else {
		var out *sqsapi.SendMessageBatchOutput
		if out, err = h.sqs.SendMessageBatch(ctx, in); err == nil && len(out.Successful) != n {
			h.w.Failf("a batch of %d sent %d", n, len(out.Successful))
		}
	}
	lost := h.unknown("send", err)
	for _, it := range its {
		it.ended, it.maybe, it.acked = h.tick(), lost, err == nil
	}
	h.check()
}

func (h *history) key(queue, receipt string) string {
	b, err := base64.StdEncoding.DecodeString(receipt)
	if err == nil {
		b, err = h.sealer.OpenToken(simAccount, "sqs/handle/"+h.queues[queue], b)
	}
	if err != nil {
		h.w.Failf("receipt handle of %s: %v", queue, err)
	}
	return string(b)
}

func (h *history) receive(ctx context.Context, queue string, max, wait, visibility int) []*handle {
	began, at := h.tick(), h.w.Now()
	out, err := h.sqs.ReceiveMessage(ctx, &sqsapi.ReceiveMessageInput{QueueUrl: urlOf(queue), MaxNumberOfMessages: wire.P(int32(max)), WaitTimeSeconds: wire.P(int32(wait)), VisibilityTimeout: wire.P(int32(visibility))})
	if err != nil {
		h.unknown("receive", err)
		return nil
	}
	var got []*handle
	for _, m := range out.Messages {
		x := &handle{queue: queue, body: *m.Body, handle: *m.ReceiptHandle, key: h.key(queue, *m.ReceiptHandle), tick: began, began: at, ended: h.w.Now(), until: at.Add(time.Duration(visibility) * time.Second)}
		it := h.items[x.body]
		switch {
		case it == nil:
			h.w.Failf("received %q, which nobody sent", x.body)
			continue
		case !it.acked && !it.maybe && it.ended > 0:
			h.w.Failf("received %s, whose send failed", x.body)
		case it.gone > 0 && it.gone < began:
			h.w.Failf("received %s from %s after it was gone", x.body, queue)
		}
		for _, o := range h.held {
			if o.key == x.key && h.hiding[x.key] == 0 && h.hid[x.key] < o.tick && x.ended.Before(o.until.Add(-2*simDriftMax)) &&
				(o.ended.Before(x.began) || o.ended.Before(x.until.Add(-2*simDriftMax))) { // nor can they have come in the other order
				h.w.Failf("%s was received at %s and again by %s: hidden until %s at least", x.body, o.began.Format("05.000"), h.w.Now().Format("05.000"), o.until.Format("05.000"))
			}
		}
		it.delivered++
		h.received++
		if queue == "d" {
			h.dead[x.body]++
		}
		got = append(got, x)
	}
	h.held = append(h.held, got...)
	h.check()
	return got
}

func (h *history) delete(ctx context.Context, hs []*handle) {
	in := &sqsapi.DeleteMessageBatchInput{QueueUrl: urlOf(hs[0].queue)}
	for i, x := range hs {
		h.items[x.body].deleting = true
		in.Entries = append(in.Entries, sqsapi.DeleteMessageBatchRequestEntry{Id: strconv.Itoa(i), ReceiptHandle: x.handle})
	}
	var err error
	if len(hs) == 1 {
		_, err = h.sqs.DeleteMessage(ctx, &sqsapi.DeleteMessageInput{QueueUrl: in.QueueUrl, ReceiptHandle: hs[0].handle})
	} else {
		_, err = h.sqs.DeleteMessageBatch(ctx, in)
	}
	if err == nil {
		for _, x := range hs {
			h.deleted[x.key] = true
		}
	}
	h.unknown("delete", err)
	h.check()
}

func (h *history) hide(ctx context.Context, x *handle, seconds int) {
	h.hiding[x.key]++
	_, err := h.sqs.ChangeMessageVisibility(ctx, &sqsapi.ChangeMessageVisibilityInput{QueueUrl: urlOf(x.queue), ReceiptHandle: x.handle, VisibilityTimeout: int32(seconds)})
	if !h.unknown("change visibility", err, "MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight") {
		h.hid[x.key] = h.tick()
		h.hiding[x.key]--
	}
	h.check()
}

func (h *history) purge(ctx context.Context, queue string) {
	p := &purge{queue: queue, began: h.tick()}
	h.purges = append(h.purges, p)
	_, err := h.sqs.PurgeQueue(ctx, &sqsapi.PurgeQueueInput{QueueUrl: urlOf(queue)})
	if !h.unknown("purge", err, "PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress") {
		p.ended = h.tick()
	}
	if err == nil {
		for _, r := range h.rows() {
			if it := h.items[r.m.Body]; r.queue == queue && it.ended > 0 && it.ended < p.began && it.queue == queue && h.neverMoved(it) {
				h.w.Failf("%s is still in %s after it was purged", it.body, queue)
			}
		}
	}
	h.check()
}

// neverMoved: only messages that were never received surely were where they were sent.
func (h *history) neverMoved(it *item) bool { return it.delivered == 0 && it.queue == "b" }

func (h *history) redrive(ctx context.Context) {
	_, err := h.sqs.StartMessageMoveTask(ctx, &sqsapi.StartMessageMoveTaskInput{SourceArn: "arn:aws:sqs:" + simRegion + ":" + simAccount + ":d"})
	h.unknown("start move", err, "InvalidParameterValue")
	h.check()
}

type simRow struct {
	queue string
	key   string
	m     *message
}

// rows reads every message of the present generations, without mischief.
func (h *history) rows() (out []simRow) {
	h.w.Base().View(context.Background(), func(r store.Reader) error {
		out = nil
		for _, n := range []string{"a", "b", "d"} {
			if q, ok := store.Load[queue](r, queueKey(simAccount, simRegion, n)); ok {
				store.Each(r, store.Prefix(messagesOf(q, q.Generation)), func(k store.Key, m *message) bool {
					out = append(out, simRow{n, string(k), m})
					return true
				})
			}
		}
		return nil
	})
	return out
}

// check looks at the store after each call: what was acknowledged is there once unless a delete or a purge was tried;
// what is gone stays gone; nobody is received more often than the redrive policy allows.
func (h *history) check() {
	at := map[string]string{}
	for _, r := range h.rows() {
		it := h.items[r.m.Body]
		if it == nil {
			h.w.Failf("row %q was sent by nobody", r.m.Body)
			return
		}
		if o := at[it.body]; o != "" {
			h.w.Failf("%s is twice: in %s and in %s", it.body, o, r.queue)
		}
		at[it.body] = r.queue
		if h.deleted[r.key] {
			h.w.Failf("%s is in %s after its delete was acknowledged", it.body, r.queue)
		}
		if it.gone > 0 {
			h.w.Failf("%s is in %s after it was gone", it.body, r.queue)
		}
		if r.queue == "a" && r.m.Received > simMaxReceive {
			h.w.Failf("%s was received %d times", it.body, r.m.Received)
		}
		if it.ended > 0 && !it.acked && !it.maybe {
			h.w.Failf("%s is there, and its send failed", it.body)
		}
	}
	for _, it := range h.order {
		if it.acked && at[it.body] == "" && it.gone == 0 {
			if !it.deleting && !h.purged(it) {
				h.w.Failf("%s was acknowledged and is lost", it.body)
			}
			it.gone = h.tick()
		}
	}
}

// purged tells whether a purge may have taken a message.
func (h *history) purged(it *item) bool {
	for _, p := range h.purges {
		if (p.ended == 0 || p.ended > it.began) && (p.queue == it.queue || p.queue == "d" && it.queue == "a") {
			return true
		}
	}
	return false
}

func (h *history) client(ctx context.Context, e *sim.Env) {
	r := h.w.Rand
	pick := func() *handle {
		if len(h.held) == 0 {
			return nil
		}
		return h.held[max(0, len(h.held)-1-r.IntN(min(len(h.held), 12)))]
	}
	for range simCalls {
		queue := []string{"a", "a", "b"}[r.IntN(3)]
		switch n := r.IntN(100); {
		case n < 22:
			h.send(ctx, queue, 1)
		case n < 32:
			h.send(ctx, queue, 1+r.IntN(5))
		case n < 65:
			if r.IntN(6) == 0 {
				queue = "d"
			}
			h.receive(ctx, queue, 1+r.IntN(10), []int{0, 0, 2, 10}[r.IntN(4)], []int{0, 2, 6, 15}[r.IntN(4)])
		case n < 80:
			if x := pick(); x != nil {
				hs := []*handle{x}
				for _, o := range h.held {
					if r.IntN(3) == 0 && o.queue == x.queue && o.key != x.key && len(hs) < 4 && !h.deleted[o.key] {
						hs = append(hs, o)
					}
				}
				h.delete(ctx, hs)
			}
		case n < 90:
			if x := pick(); x != nil {
				h.hide(ctx, x, r.IntN(9))
			}
		case n < 92:
			h.purge(ctx, []string{"b", "d"}[r.IntN(2)])
		case n < 95:
			h.redrive(ctx)
		}
		e.Wait(ctx, "never", e.Now().Add(time.Duration(r.IntN(1500))*time.Millisecond))
	}
}

// drain receives and deletes everything; what it cannot receive is lost to every client, though its row is there.
func (h *history) drain(ctx context.Context) {
	for _, queue := range []string{"a", "b", "d"} {
		for empty := 0; empty < 3; {
			got := h.receive(ctx, queue, 10, 0, 600)
			if len(got) == 0 {
				empty++
				continue
			}
			h.delete(ctx, got)
		}
	}
	for _, r := range h.rows() {
		h.w.Failf("%s in %s cannot be received (visible at %s, received %d times)", r.m.Body, r.queue, r.m.VisibleAt.Format(time.RFC3339), r.m.Received)
	}
	for _, it := range h.order {
		if it.acked && it.delivered == 0 && !it.deleting && !h.purged(it) {
			h.w.Failf("%s was never received", it.body)
		}
	}
}

// wakes: in a quiet world a long poll has its message at once, whichever node it waits on.
func (h *history) wakes(ctx context.Context, e *sim.Env) {
	got, want := 0, 3
	var sent time.Time
	for range want {
		h.w.Client("poller", func(ctx context.Context) {
			for _, x := range h.receive(ctx, "b", 1, 20, 600) {
				if late := h.w.Now().Sub(sent); sent.IsZero() || late > time.Second {
					h.w.Failf("a long poll had %s only after %s", x.body, late)
				}
				got++
			}
		})
	}
	e.Wait(ctx, "never", e.Now().Add(2*time.Second))
	sent = h.w.Now()
	for range want {
		h.send(ctx, "b", 1)
		sent = h.w.Now()
	}
	for i := 0; got < want && i < 100; i++ {
		e.Wait(ctx, "never", e.Now().Add(100*time.Millisecond))
	}
	if got < want {
		h.w.Failf("%d long polls of %d had a message", got, want)
	}
}

func playQueues(t *testing.T, seed uint64, unfenced bool) (*sim.World, *history, error) {
	w := sim.New(seed)
	defer w.Close()
	if seed%2 == 1 {
		// Few crashes, and stalls longer than a lease: whoever comes back finds another owner.
		w.Chances.Crash, w.Chances.Unknown, w.Chances.Stall, w.Chances.StallFor = 0, 0, 10, 40*time.Second
	}
	e := w.ClientEnv()
	sealer, err := seal.New(make([]byte, seal.KeySize), simKeys{}, e.Secret)
	if err != nil {
		t.Fatal(err)
	}
	front, peers := w.NewNetwork(), w.NewNetwork()
	front.Patience, peers.Patience = 13*time.Second, 12*time.Second
	drift := map[string]time.Duration{}
	room := 6 + w.Rand.IntN(40)
	w.Quiet = true
	for i := range 3 {
		name := fmt.Sprint("n", i)
		drift[name] = time.Duration(w.Rand.Int64N(int64(2*simDriftMax))) - simDriftMax
		w.AddNode(name, func(n *sim.Node, e *sim.Env) {
			e.Drift = drift[n.Name]
			st := e.Store()
			life := fmt.Sprintf("%s.%d", n.Name, n.Life())
			leases := peer.NewLeases(peer.Config{Env: e, Store: st, Node: life})
			rec := record.New(record.Config{Env: e, Store: st, Node: life, DataEvents: true})
			g := gate.New(gate.Config{Env: e, Authority: authority.New(authority.Config{Env: e, Store: st, Domain: "localhost"}), Admit: admit.New(), Record: rec})
			s := New(Config{Env: e, Store: st, Leases: leases, Sealer: sealer, Network: peers.From(e)})
			s.eng.room, s.eng.unfenced = room, unfenced
			p := s.Parts()
			g.Add(p)
			shard := shardName(shardOf(simAccount))
			e.Go("lease "+shard, func(ctx context.Context) { leases.Seek(ctx, shard) })
			job.NewRunner(job.Config{Env: e, Store: st, Leases: leases, Kinds: p.Jobs}).Start()
			e.Go("record", rec.Run)
			peers.Join(life, e, s.ServePeer)
			front.Join(n.Name, e, func(ctx context.Context, req any) (any, error) {
				c := req.(simCall)
				return g.Serve(ctx, &wire.Call{Service: "sqs", Operation: c.op.Name, RequestID: fmt.Sprint(e.Uint64()), Account: simAccount, Region: simRegion, Partition: "aws", Domain: "localhost",
					BaseURL: "http://x", Time: e.Wall(), Principal: wire.Principal{Type: "Root", ARN: "arn:aws:iam::" + simAccount + ":root", ID: simAccount, Account: simAccount}}, c.op, c.in)
			})
		})
	}
	h := &history{t: t, w: w, sealer: sealer, sqs: &sqsapi.Client{Invoker: clients{w, e, front}}, items: map[string]*item{}, deleted: map[string]bool{}, hid: map[string]int{}, hiding: map[string]int{}, queues: map[string]string{}, dead: map[string]int{}}
	working := simClients
	rest := false
	w.Client("maker", func(ctx context.Context) {
		for _, n := range []string{"d", "a", "b"} {
			in := &sqsapi.CreateQueueInput{QueueName: n}
			if n == "a" {
				in.Attributes = map[string]string{"RedrivePolicy": fmt.Sprintf(`{"deadLetterTargetArn":"arn:aws:sqs:%s:%s:d","maxReceiveCount":%d}`, simRegion, simAccount, simMaxReceive)}
			}
			if _, err := h.sqs.CreateQueue(ctx, in); err != nil {
				w.Failf("create %s: %v", n, err)
				return
			}
			w.Base().View(ctx, func(r store.Reader) error {
				q, _ := store.Load[queue](r, queueKey(simAccount, simRegion, n))
				h.queues[n] = q.ID
				return nil
			})
		}
		w.Quiet = false
		for i := range simClients {
			w.Client(fmt.Sprint("client ", i), func(ctx context.Context) { h.client(ctx, e); working-- })
		}
		for working > 0 {
			e.Wait(ctx, "never", e.Now().Add(time.Second))
		}
		w.Quiet = true
		e.Wait(ctx, "never", e.Now().Add(2*time.Minute)) // leases settle, moves end, everything is visible again
		h.check()
		h.drain(ctx)
		h.wakes(ctx, e)
		rest = true
	})
	return w, h, w.Run(2_000_000, func() bool { return rest })
}

func simSeeds(n uint64) uint64 {
	if v, err := strconv.ParseUint(os.Getenv("VIRGA_SEEDS"), 10, 64); err == nil {
		return v
	}
	return n
}

// TestSimQueues plays VIRGA_SEEDS worlds (100 unless set), or the one of VIRGA_SEED.
func TestSimQueues(t *testing.T) {
	crashes := map[string]int{}
	sent, received, dead, purges := 0, 0, 0, 0
	from, n := uint64(0), simSeeds(100)
	if v, err := strconv.ParseUint(os.Getenv("VIRGA_SEED"), 10, 64); err == nil {
		from, n = v, 1
	}
	for seed := from; seed < from+n; seed++ {
		w, h, err := playQueues(t, seed, false)
		if err != nil {
			t.Fatalf("%v\nagain: VIRGA_SEED=%d go test ./service/sqs -run TestSimQueues", err, seed)
		}
		for k, v := range w.Crashes {
			crashes[k] += v
		}
		sent, received, dead, purges = sent+len(h.order), received+h.received, dead+len(h.dead), purges+len(h.purges)
	}
	var points []string
	for p, c := range crashes {
		points = append(points, fmt.Sprintf("%s %d", p, c))
	}
	sort.Strings(points)
	t.Logf("%d seeds: %d sent, %d received, %d dead letters, %d purges; %s", n, sent, received, dead, purges, strings.Join(points, ", "))
	for _, p := range []string{"before update", "after update", "stall", "unknown outcome", "lost call"} {
		if n >= 100 && crashes[p] == 0 {
			t.Errorf("nothing happened at %q", p)
		}
	}
	if n >= 100 && (sent == 0 || dead == 0 || purges == 0) {
		t.Error("the histories leave something out")
	}
}

// TestSimQueuesRepeats: a seed is a history.
func TestSimQueuesRepeats(t *testing.T) {
	for seed := range uint64(3) {
		a, _, _ := playQueues(t, seed, false)
		b, _, _ := playQueues(t, seed, false)
		if a.Trace() != b.Trace() {
			t.Fatalf("seed %d ran otherwise the second time", seed)
		}
	}
}

// TestSimFindsUnfencedOwner: with the fence taken out, a node that lost its lease writes what the owner never sees.
func TestSimFindsUnfencedOwner(t *testing.T) {
	for seed := range uint64(1000) {
		if _, _, err := playQueues(t, seed, true); err != nil {
			t.Logf("found: %v", err)
			return
		}
	}
	t.Fatal("1,000 seeds did not find an owner without fence")
}
