package benchmarks

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"virga/internal/auth/sigv4"
	"virga/virgatest"
)

// resources is how many the full start has.
const resources = 10_000

// server is the program as a user starts it.
type server struct {
	*bench
	cmd   *exec.Cmd
	first time.Duration // from exec to the first signed answer
}

var built struct {
	sync.Once
	path string
	err  error
}

// program gives the binary: VIRGA's, or one built for this run.
func program(tb testing.TB) string {
	built.Do(func() {
		if built.path = os.Getenv("VIRGA"); built.path != "" {
			return
		}
		dir, err := os.MkdirTemp("", "virga-bench")
		if err != nil {
			built.err = err
			return
		}
		built.path = filepath.Join(dir, "virga")
		c := exec.Command("go", "build", "-o", built.path, "virga/cmd/virga")
		c.Env, c.Stderr = append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
		built.err = c.Run()
	})
	if built.err != nil {
		tb.Fatal(built.err)
	}
	return built.path
}

func serve(tb testing.TB, dir string) *server {
	began := time.Now()
	c := exec.Command(program(tb), "serve", "--dev", "--data", filepath.Join(dir, "data"), "--listen", "127.0.0.1:0")
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		tb.Fatal(err)
	}
	s := &server{cmd: c, bench: &bench{Cloud: &virgatest.Cloud{Account: "000000000000", Region: "us-east-1", AccessKeyID: "test", SecretAccessKey: "test"},
		keys: sigv4.NewKeyCache(8), http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}}
	sc := bufio.NewScanner(out)
	for sc.Scan() {
		if _, u, ok := strings.Cut(sc.Text(), "endpoint http://"); ok {
			s.Endpoint = "http://" + strings.Fields(u)[0]
		}
		if strings.TrimSpace(sc.Text()) == "Ready." {
			break
		}
	}
	if s.Endpoint == "" {
		tb.Fatal("the server said no endpoint")
	}
	s.do(tb, "sts", "POST", "/", "", []byte("Action=GetCallerIdentity&Version=2011-06-15"), "Content-Type", "application/x-www-form-urlencoded")
	s.first = time.Since(began)
	go func() {
		for sc.Scan() {
		}
	}()
	return s
}

func (s *server) stop(tb testing.TB) {
	s.http.CloseIdleConnections()
	s.cmd.Process.Signal(syscall.SIGTERM)
	if err := s.cmd.Wait(); err != nil {
		tb.Error(err)
	}
}

// folder is a data folder that a server under a uid of its own can reach.
func folder(tb testing.TB) string {
	dir := tb.TempDir()
	for d := dir; strings.HasPrefix(d, os.TempDir()+"/"); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o711); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

func benchStart(b *testing.B, fill int) {
	dir := folder(b)
	if fill > 0 {
		s := serve(b, dir)
		var wg sync.WaitGroup
		for k := range clients {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for i := k; i < fill; i += clients {
					switch i % 2 {
					case 0:
						s.do(b, "ssm", "POST", "/", "AmazonSSM.PutParameter", []byte(fmt.Sprintf(`{"Name":"/bench/%d","Type":"String","Value":"v"}`, i)))
					default:
						s.do(b, "sqs", "POST", "/", "AmazonSQS.CreateQueue", []byte(fmt.Sprintf(`{"QueueName":"bench-%d"}`, i)))
					}
				}
			}()
		}
		wg.Wait()
		s.stop(b)
	}
	var total time.Duration
	for b.Loop() {
		d := dir
		if fill == 0 {
			d = folder(b)
		}
		s := serve(b, d)
		total += s.first
		s.stop(b)
	}
	b.ReportMetric(float64(total.Milliseconds())/float64(b.N), "first-answer-ms")
}

func BenchmarkStartEmpty(b *testing.B) { benchStart(b, 0) }
func BenchmarkStart10000(b *testing.B) { benchStart(b, resources) }

// BenchmarkIdle leaves a server alone for a minute and then measures it for half of one: the proportional set of its
// processes, and the share of one core they take.
func BenchmarkIdle(b *testing.B) {
	for b.Loop() {
		s := serve(b, folder(b))
		time.Sleep(time.Minute)
		before := ticks(b, s.cmd.Process.Pid)
		const watch = 30 * time.Second
		time.Sleep(watch)
		used := ticks(b, s.cmd.Process.Pid) - before
		b.ReportMetric(float64(pss(b, s.cmd.Process.Pid))/1024, "PSS-MB")
		b.ReportMetric(float64(used)/100/watch.Seconds()*100, "%core")
		s.stop(b)
	}
}

// family gives a process and its descendants.
func family(tb testing.TB, pid int) []int {
	out := []int{pid}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		tb.Fatal(err)
	}
	parent := map[int]int{}
	for _, f := range stats {
		if v := stat(f); v != nil {
			id, _ := strconv.Atoi(filepath.Base(filepath.Dir(f)))
			parent[id], _ = strconv.Atoi(v[1])
		}
	}
	for i := 0; i < len(out); i++ {
		for id, p := range parent {
			if p == out[i] {
				out = append(out, id)
			}
		}
	}
	return out
}

// stat gives the fields of a process's stat from its state on.
func stat(file string) []string {
	b, err := os.ReadFile(file)
	i := strings.LastIndexByte(string(b), ')')
	if err != nil || i < 0 {
		return nil
	}
	return strings.Fields(string(b)[i+1:])
}

func ticks(tb testing.TB, pid int) (n int) {
	for _, id := range family(tb, pid) {
		if v := stat(fmt.Sprintf("/proc/%d/stat", id)); len(v) > 13 {
			u, _ := strconv.Atoi(v[11])
			k, _ := strconv.Atoi(v[12])
			n += u + k
		}
	}
	return n
}

func pss(tb testing.TB, pid int) (kb int) {
	for _, id := range family(tb, pid) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", id))
		if err != nil {
			tb.Error(err)
		}
		for _, l := range strings.Split(string(b), "\n") {
			if f := strings.Fields(l); len(f) > 1 && f[0] == "Pss:" {
				n, _ := strconv.Atoi(f[1])
				kb += n
			}
		}
	}
	return kb
}
