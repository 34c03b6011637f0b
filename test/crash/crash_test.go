// Package crash kills a real server at any moment and proves that nothing acknowledged is lost.
//
// Sixteen clients send, receive and delete messages, write parameters, put objects and log events, invoke a function asynchronously, and make, change and delete stacks; the kill comes 5 to 500 ms after the 500th
// acknowledgement since the server was ready, one time in four while it recovers. VIRGA_KILLS sets how many kills.
package crash

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	logsapi "virga/api/logs"
	sqsapi "virga/api/sqs"
	ssmapi "virga/api/ssm"
	"virga/internal/auth/sigv4"
	"virga/internal/remote"
	"virga/internal/wire"
)

const clients = 16

type server struct {
	cmd      *exec.Cmd
	endpoint string
}

func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "virga")
	c := exec.Command("go", "build", "-o", bin, "virga/cmd/virga")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

func port(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start runs the server; with early it returns before the server is ready, to be killed while it recovers.
func start(t *testing.T, bin, dir, addr string, early bool) *server {
	t.Helper()
	c := exec.Command(bin, "serve", "--dev", "--data", dir, "--listen", addr)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.OpenFile(filepath.Join(dir, "..", "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	c.Stderr = log
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	s := &server{cmd: c, endpoint: "http://" + addr}
	if early {
		return s
	}
	sc := bufio.NewScanner(out)
	for sc.Scan() {
		if sc.Text() == "Ready." {
			go func() {
				for sc.Scan() {
				}
			}()
			return s
		}
	}
	b, _ := os.ReadFile(filepath.Join(dir, "..", "log"))
	t.Fatalf("the server ended before it was ready: %s", b)
	return nil
}

func (s *server) kill() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

func (s *server) invoker() *remote.Invoker {
	return &remote.Invoker{Endpoint: s.endpoint, Region: "us-east-1", Credentials: sigv4.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, Now: time.Now}
}

// ledger is what the clients were promised.
type ledger struct {
	mu      sync.Mutex
	sent    map[string]bool  // bodies whose send was acknowledged and whose delete was never tried
	maybe   map[string]bool  // sends without an answer: they may be there or not
	deleted map[string]bool  // deletes acknowledged
	params  map[string]int64 // parameter → newest acknowledged version
	objects objects
	lines   map[string]bool // log events acknowledged
	stacks  stacks
	acks    atomic.Int64
	total   int
}

func TestKills(t *testing.T) {
	kills := 50
	if v := os.Getenv("VIRGA_KILLS"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			t.Fatal(err)
		}
		kills = n
	} else if testing.Short() {
		kills = 5
	}
	bin := build(t)
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	addr := port(t)
	l := &ledger{sent: map[string]bool{}, maybe: map[string]bool{}, deleted: map[string]bool{}, params: map[string]int64{}, lines: map[string]bool{},
		objects: objects{acked: map[string]string{}, tried: map[string]string{}},
		stacks:  stacks{tokens: map[string]string{}, deleted: map[string]bool{}, events: map[string]bool{}}}
	s := start(t, bin, dir, addr, false)
	ctx := context.Background()
	if _, err := (&sqsapi.Client{Invoker: s.invoker()}).CreateQueue(ctx, &sqsapi.CreateQueueInput{QueueName: "q", Attributes: map[string]string{"VisibilityTimeout": "2"}}); err != nil {
		t.Fatal(err)
	}
	if status, b, err := s.http(ctx, "PUT", "/crash", nil); err != nil || status != 200 {
		t.Fatal(status, string(b), err)
	}
	logs := logsapi.Client{Invoker: s.invoker()}
	if _, err := logs.CreateLogGroup(ctx, &logsapi.CreateLogGroupInput{LogGroupName: "crash"}); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		if _, err := logs.CreateLogStream(ctx, &logsapi.CreateLogStreamInput{LogGroupName: "crash", LogStreamName: strconv.Itoa(i)}); err != nil {
			t.Fatal(err)
		}
	}
	l.stacks.prepare(t, s)
	early, orphaned := 0, 0
	for k := range kills {
		l.acks.Store(0)
		load, stop := context.WithCancel(ctx)
		var wg sync.WaitGroup
		for c := range clients {
			wg.Add(1)
			go func() {
				defer wg.Done()
				l.work(load, s, k, c)
			}()
		}
		deadline := time.Now().Add(20 * time.Second)
		for l.acks.Load() < 500 && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond)
		}
		if l.acks.Load() < 500 {
			t.Fatalf("kill %d: only %d acknowledgements in 20 s", k, l.acks.Load())
		}
		time.Sleep(time.Duration(5+rand.IntN(495)) * time.Millisecond)
		below := descendants(s.cmd.Process.Pid)
		s.kill()
		stop()
		wg.Wait()
		if left := orphans(below); len(left) > 0 {
			orphaned += len(left)
			t.Errorf("kill %d: processes live on: %q", k, left)
		}
		if rand.IntN(4) == 0 { // again, while it recovers
			early++
			e := start(t, bin, dir, addr, true)
			time.Sleep(time.Duration(rand.IntN(150)) * time.Millisecond)
			e.kill()
		}
		s = start(t, bin, dir, addr, false)
	}
	defer s.kill()
	lines := len(l.lines)
	lost, zombies, read := l.check(t, s)
	lost += l.objects.check(t, s)
	half, lost2 := l.stacks.check(t, s)
	lost += lost2
	t.Logf("%d kills (%d more during recovery), %d calls acknowledged: %d messages, %d parameters, %d objects (%d puts) and %d log events looked for, %d lost, %d came back after their delete, %d read; %d half-made stacks, %d orphan processes", kills, early, l.total+l.objects.puts+l.stacks.ops,
		len(l.sent), len(l.params), len(l.objects.acked), l.objects.puts, lines, lost, zombies, read, half, orphaned)
	if lost != 0 || zombies != 0 || half != 0 || orphaned != 0 {
		t.Fail()
	}
}

func (l *ledger) ack() { l.acks.Add(1) }

// work is one client until its server dies.
func (l *ledger) work(ctx context.Context, s *server, round, client int) {
	if client < stackClients {
		l.stacks.work(ctx, s, round, client, l.ack)
		return
	}
	q := sqsapi.Client{Invoker: s.invoker()}
	p := ssmapi.Client{Invoker: s.invoker()}
	url := s.endpoint + "/000000000000/q"
	for i := 0; ctx.Err() == nil; i++ {
		body := fmt.Sprintf("%d/%d/%d", round, client, i)
		_, err := q.SendMessage(ctx, &sqsapi.SendMessageInput{QueueUrl: url, MessageBody: body})
		l.mu.Lock()
		if err == nil {
			l.sent[body] = true
			l.total++
		} else {
			l.maybe[body] = true
		}
		l.mu.Unlock()
		if err != nil {
			return
		}
		l.ack()
		switch i % 5 {
		case 0:
			if i%25 == 0 {
				if !l.stacks.invoke(ctx, s, body) {
					return
				}
				l.ack()
			}
		case 1:
			r, err := q.ReceiveMessage(ctx, &sqsapi.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: wire.P(int32(2))})
			if err != nil {
				return
			}
			for _, m := range r.Messages {
				l.mu.Lock()
				delete(l.sent, *m.Body) // from now on nobody knows until the delete is acknowledged
				l.maybe[*m.Body] = true
				l.mu.Unlock()
				if _, err := q.DeleteMessage(ctx, &sqsapi.DeleteMessageInput{QueueUrl: url, ReceiptHandle: *m.ReceiptHandle}); err != nil {
					return
				}
				l.mu.Lock()
				l.deleted[*m.Body] = true
				l.total++
				l.mu.Unlock()
				l.ack()
			}
		case 2:
			name := fmt.Sprintf("/crash/%d/%d", client, i%8)
			r, err := p.PutParameter(ctx, &ssmapi.PutParameterInput{Name: name, Value: body, Type: wire.P("String"), Overwrite: wire.P(true)})
			if err != nil {
				var e *wire.Error
				if errors.As(err, &e) && strings.Contains(e.Code, "MaxVersion") {
					continue
				}
				return
			}
			l.mu.Lock()
			l.params[name] = *r.Version
			l.total++
			l.mu.Unlock()
			l.ack()
		case 3:
			if !l.objects.put(ctx, s, l.objects.key(client, i), body) {
				return
			}
			l.ack()
		case 4: // four clients share a stream, and a chunk where they are quick
			logs := logsapi.Client{Invoker: s.invoker()}
			if _, err := logs.PutLogEvents(ctx, &logsapi.PutLogEventsInput{LogGroupName: "crash", LogStreamName: strconv.Itoa(client % 4),
				LogEvents: []logsapi.InputLogEvent{{Timestamp: time.Now().UnixMilli(), Message: body}}}); err != nil {
				return
			}
			l.mu.Lock()
			l.lines[body] = true
			l.total++
			l.mu.Unlock()
			l.ack()
		}
	}
}

// check reads everything back.
func (l *ledger) check(t *testing.T, s *server) (lost, zombies, read int) {
	ctx := context.Background()
	q := sqsapi.Client{Invoker: s.invoker()}
	p := ssmapi.Client{Invoker: s.invoker()}
	url := s.endpoint + "/000000000000/q"
	seen := map[string]bool{}
	for empty := 0; empty < 3; { // what a killed receive had taken is visible again within two seconds
		r, err := q.ReceiveMessage(ctx, &sqsapi.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: wire.P(int32(10)), WaitTimeSeconds: wire.P(int32(1)), VisibilityTimeout: wire.P(int32(3600))})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Messages) == 0 {
			empty++
			continue
		}
		for _, m := range r.Messages {
			seen[*m.Body] = true
			read++
		}
	}
	for b := range l.sent {
		if !seen[b] {
			if lost++; lost <= 5 {
				t.Errorf("message %s was acknowledged and is lost", b)
			}
		}
	}
	for b := range l.deleted {
		if seen[b] {
			if zombies++; zombies <= 5 {
				t.Errorf("message %s was deleted and is back", b)
			}
		}
	}
	for n, v := range l.params {
		r, err := p.GetParameter(ctx, &ssmapi.GetParameterInput{Name: n})
		if err != nil || *r.Parameter.Version < v {
			lost++
			t.Errorf("parameter %s: version %d was acknowledged: %v", n, v, err)
		}
	}
	logs := logsapi.Client{Invoker: s.invoker()}
	in := &logsapi.FilterLogEventsInput{LogGroupName: wire.P("crash")}
	for {
		out, err := logs.FilterLogEvents(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range out.Events {
			delete(l.lines, *e.Message)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	for b := range l.lines {
		lost++
		t.Errorf("log event %s was acknowledged and is lost", b)
	}
	return lost, zombies, read
}
