package logquery

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"
)

func each(events []Event) iter.Seq2[*Event, error] {
	return func(yield func(*Event, error) bool) {
		for i := range events {
			if !yield(&events[i], nil) {
				return
			}
		}
	}
}

func lines(ms ...string) (out []Event) {
	base := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC).UnixMilli()
	for i, m := range ms {
		out = append(out, Event{Timestamp: base + int64(i)*60_000, IngestionTime: base, Message: m, LogStream: fmt.Sprint("s", i%2), Log: "111122223333:g"})
	}
	return out
}

// show gives a result as lines of name=value.
func show(r *Result) string {
	var b strings.Builder
	for _, row := range r.Rows {
		for i, f := range row {
			if i > 0 {
				b.WriteString(" ")
			}
			b.WriteString(f.Name + "=" + f.Value)
		}
		b.WriteString("\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

var (
	reports = lines(
		"START RequestId: 6f747a63-6cf1-4e59-8a3c-000000000001 Version: $LATEST",
		"REPORT RequestId: 6f747a63-6cf1-4e59-8a3c-000000000001\tDuration: 120.50 ms\tBilled Duration: 200 ms\tMemory Size: 128 MB\tMax Memory Used: 64 MB\tInit Duration: 80.25 ms\t",
		"REPORT RequestId: 6f747a63-6cf1-4e59-8a3c-000000000002\tDuration: 20.50 ms\tBilled Duration: 100 ms\tMemory Size: 128 MB\tMax Memory Used: 96 MB\t",
		"END RequestId: 6f747a63-6cf1-4e59-8a3c-000000000002")
	docs = lines(
		`{"level":"ERROR","status":500,"user":{"id":"u1","roles":["a","b"]},"ms":10}`,
		`{"level":"INFO","status":200,"user":{"id":"u2","roles":["c"]},"ms":20}`,
		`{"level":"INFO","status":404,"user":{"id":"u1"},"ms":30}`,
		`{"level":"WARN","status":200,"ms":40,"a.b":"dotted","ip":"10.0.1.7"}`)
	users = lines("user=ann, method:GET, latency := 10", "user=bob, method:GET, latency := 30", "user=ann, method:PUT, latency := 5", "nothing here", "user=ann, method:GET, latency := 20")
)

// The queries are those of the guide's pages where it has one for the command, on events of our own.
func TestQueries(t *testing.T) {
	for _, c := range []struct {
		query  string
		events []Event
		want   string
	}{
		{`fields @message | limit 2`, users, "@message=user=ann, method:GET, latency := 20\n@message=nothing here"},
		{`filter @message like /latency := 5/`, users, "@timestamp=2026-11-25 12:02:00.000 @message=user=ann, method:PUT, latency := 5"},
		{`fields @timestamp, @message | sort @timestamp asc | limit 1`, users, "@timestamp=2026-11-25 12:00:00.000 @message=user=ann, method:GET, latency := 10"},
		{`parse @message "user=*, method:*, latency := *" as @user, @method, @latency | stats avg(@latency) by @method, @user | sort @method, @user`, users,
			"\n@method=GET @user=ann avg(@latency)=15\n@method=GET @user=bob avg(@latency)=30\n@method=PUT @user=ann avg(@latency)=5"},
		{`parse @message /user=(?<user2>.*?), method:(?<method2>.*?), latency := (?<latency2>\d+)/ | filter ispresent(user2) | stats avg(latency2) as l by method2, user2 | sort l desc | limit 1`, users, "method2=GET user2=bob l=30"},
		{`filter @type = "REPORT" | stats avg(@duration), max(@duration), min(@duration) by bin(5m)`, reports, "bin(5m)=2026-11-25 12:00:00.000 avg(@duration)=70.5 max(@duration)=120.5 min(@duration)=20.5"},
		{`filter @type = "REPORT" | stats max(@memorySize / 1000 / 1000) as provisonedMemoryMB, min(@maxMemoryUsed / 1000 / 1000) as smallestMemoryRequestMB, avg(@maxMemoryUsed / 1000 / 1000) as avgMemoryUsedMB, max(@maxMemoryUsed / 1000 / 1000) as maxMemoryUsedMB, provisonedMemoryMB - maxMemoryUsedMB as overProvisionedMB`, reports,
			"provisonedMemoryMB=128 smallestMemoryRequestMB=64 avgMemoryUsedMB=80 maxMemoryUsedMB=96 overProvisionedMB=32"},
		{`filter @message like "Init" | fields @requestId, @initDuration, @billedDuration`, reports, "@requestId=6f747a63-6cf1-4e59-8a3c-000000000001 @initDuration=80.25 @billedDuration=200"},
		{`stats count(*) by level | sort level`, docs, "level=ERROR count(*)=1\nlevel=INFO count(*)=2\nlevel=WARN count(*)=1"},
		{`stats count(*) as n, count(user.id), count_distinct(user.id) as d, sum(ms), pct(ms, 50), stddev(ms), earliest(ms), latest(ms), sortsFirst(level), sortsLast(level), median(ms)`, docs,
			"n=4 count(user.id)=3 d=2 sum(ms)=100 pct(ms, 50)=25 stddev(ms)=11.1803 earliest(ms)=10 latest(ms)=40 sortsFirst(level)=ERROR sortsLast(level)=WARN median(ms)=25"},
		{`filter status >= 400 and not level = "ERROR" | display status`, docs, "status=404"},
		{`filter status in [200, 404] and user.id not in ["u2"] | fields status, user.id`, docs, "status=200\nstatus=404 user.id=u1"},
		{`filter user.roles.1 = 'b' | fields user.roles.0, user.roles`, docs, `user.roles.0=a user.roles=["a","b"]`},
		{"filter `a.b` = 'dotted' | fields ip, isIpv4InSubnet(ip, \"10.0.1.0/24\") as inside, isValidIpv6(ip) as six", docs, "ip=10.0.1.7 inside=1 six=0"},
		{`dedup level | fields level, ms`, docs, "level=WARN ms=40\nlevel=INFO ms=30\nlevel=ERROR ms=10"},
		{`fields ms, level | sort ms asc | dedup level | display ms`, docs, "ms=10\nms=20\nms=40"},
		{`stats sum(ms) as total by level | stats max(total) as most, count(*) as levels`, docs, "most=50 levels=3"},
		{`stats count(*) as n by bin(2m) as slot | sort slot desc | limit 1`, docs, "slot=2026-11-25 12:02:00.000 n=2"},
		{`stats count(*) by bin(2m) | sort bin(2m) desc | limit 1`, docs, "bin(2m)=2026-11-25 12:02:00.000 count(*)=2"},
		{`fields 2 ^ 3 as p, 10 % 3 as m, -ms as neg, (1 + 2) * 3 as s | limit 1`, docs, "p=8 m=1 neg=-40 s=9"},
		{`fields concat(toupper(level), "/", strlen(level)) as c, substr("xyZfooxyZ", 3, 3) as s, replace("foo","o","0") as r, trim("  x ") as t, ltrim("xyZfooxyZ", "xyZ") as l, strcontains(level, "AR") as k, coalesce(nope, level) as co | limit 1`, docs,
			"c=WARN/4 s=foo r=f00 t=x l=fooxyZ k=1 co=WARN"},
		{`fields greatest(1, ms, 7) as g, least(3, 2) as l, abs(0 - 3) as a, ceil(1.2) as c, floor(1.8) as f, sqrt(9) as s, 1 / 0 as none | limit 1`, docs, "g=40 l=2 a=3 c=2 f=1 s=3"},
		{`fields datefloor(@timestamp, 1h) as f, dateceil(@timestamp, 1h) as c, toMillis(@timestamp) as m, fromMillis(m) as back | limit 1`, docs,
			"f=2026-11-25 12:00:00.000 c=2026-11-25 13:00:00.000 m=1795608180000 back=2026-11-25 12:03:00.000"},
		{"# a comment\nfilter level = 'INFO' # another\n| stats count()", docs, "count()=2"},
		{`stats count(*) as n`, nil, "n=0"},
		{`fields unmask(level) as l | filter l like "ERR"`, docs, "l=ERROR"},
		{`filter @message like /user/ | pattern @message`, lines("user 1 came", "user 22 came", "user left", "x"), "@pattern=user <*> came @ratio=0.6667 @sampleCount=2\n@pattern=user left @ratio=0.3333 @sampleCount=1"},
		{`filter @logStream = "s1" | stats count(*) as n by @logStream, @log`, docs, "@logStream=s1 @log=111122223333:g n=2"},
		{`fields now() as n | limit 1`, docs, "n=1795608000"},
	} {
		q, err := Compile(c.query, Limits{})
		if err != nil {
			t.Errorf("%s\n%v", c.query, err)
			continue
		}
		r, err := q.Run(each(c.events), Run{Now: time.Unix(1795608000, 0)})
		if err != nil {
			t.Errorf("%s\n%v", c.query, err)
			continue
		}
		if got := show(r); got != c.want {
			t.Errorf("%s\ngot:\n%s\nwant:\n%s", c.query, got, c.want)
		}
	}
}

func TestRefused(t *testing.T) {
	for query, want := range map[string]string{
		``:                                   "empty",
		`limit 0`:                            "limit needs a number",
		`limit 10001`:                        "limit needs a number",
		`frobnicate x`:                       "unknown command frobnicate",
		`diff`:                               "not implemented: the command diff",
		`anomaly`:                            "not implemented",
		`filter x = `:                        "ends where a value is missing",
		`filter (x = 1`:                      "closing parenthesis",
		`filter x like 5`:                    "like needs",
		`filter count(*) > 1`:                "can stand in stats only",
		`stats sum(max(x))`:                  "not inside another",
		`stats x by y`:                       "needs an aggregate",
		`fields frob(x)`:                     "unknown function frob",
		`fields jsonParse(x)`:                "unknown function jsonParse",
		`parse @message "a * b *" as x`:      "finds 2 values and names 1",
		`parse @message /a(b)/`:              "needs a name",
		`filter x like /(/`:                  "regular expression is refused",
		`stats count(*) by bin(5)`:           "length of time",
		`fields "open`:                       "does not end",
		`fields x ; y`:                       "unexpected character",
		`fields abs(1, 2)`:                   "number of arguments",
		`fields x | | fields y`:              "a command is missing",
		strings.Repeat("(", 5000):            "nested too deeply",
		strings.Repeat("-", 5000) + "1":      "a command is missing",
		"filter " + strings.Repeat("x", 1e4): "more than 10000",
	} {
		_, err := Compile(query, Limits{})
		var e *Error
		if strings.HasPrefix(query, "(") {
			_, err = Compile("filter "+query, Limits{})
		}
		if !errors.As(err, &e) || !strings.Contains(e.Message, want) {
			t.Errorf("%.60s: %v, want %q", query, err, want)
		}
	}
}

// TestLimits: what would be kept without bound ends with ErrLimit, what can be cut is cut.
func TestLimits(t *testing.T) {
	many := func(yield func(*Event, error) bool) {
		for i := range 50_000 {
			if !yield(&Event{Timestamp: int64(i), Message: fmt.Sprintf(`{"n":%d,"pad":"%064d"}`, i, i)}, nil) {
				return
			}
		}
	}
	l := Limits{Rows: 100, Groups: 1000, Values: 5000, Bytes: 1 << 20}
	for query, limited := range map[string]bool{
		`fields n`: false, `fields n | sort n desc`: false, `stats count(*)`: false,
		`stats count(*) by n`: true, `stats pct(n, 99)`: true, `stats count_distinct(n)`: true, `dedup n`: true,
		`pattern @message`: false,
	} {
		q, err := Compile(query, l)
		if err != nil {
			t.Fatal(err)
		}
		r, err := q.Run(many, Run{})
		if limited != errors.Is(err, ErrLimit) {
			t.Errorf("%s: %v", query, err)
		}
		if err == nil && len(r.Rows) > 100 {
			t.Errorf("%s: %d rows", query, len(r.Rows))
		}
	}
	q, _ := Compile(`fields n | sort n desc | limit 2`, l)
	r, err := q.Run(many, Run{})
	if err != nil || show(r) != "n=49999\nn=49998" {
		t.Error(err, show(r))
	}
	stop := errors.New("stop")
	if _, err := q.Run(func(yield func(*Event, error) bool) { yield(nil, stop) }, Run{}); err != stop {
		t.Error(err)
	}
	deep := Event{Message: strings.Repeat(`{"a":`, 100_000) + strings.Repeat("}", 100_000)}
	if _, err := q.Run(each([]Event{deep}), Run{}); err != nil {
		t.Error(err)
	}
}

func FuzzQuery(f *testing.F) {
	for _, s := range []string{`fields @message, a.b | filter x like /y/ | stats count(*) by bin(5m)`, `parse @message "a*b*" as x, y | sort x desc | dedup y | limit 3`, `filter not (a in [1,"b"]) or -x ^ 2 >= 3`, "pattern @message # c", "fields `a b`, substr(@message, 1, 2)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, err := Compile(s, Limits{})
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Offset < 0 || e.Offset > len(s) {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		if _, err := q.Run(each(docs), Run{}); err != nil && !errors.Is(err, ErrLimit) {
			t.Fatal(err)
		}
		if _, err := q.Run(each(reports), Run{}); err != nil && !errors.Is(err, ErrLimit) {
			t.Fatal(err)
		}
	})
}

func BenchmarkRun(b *testing.B) {
	var plain, jsons []Event
	for i := range 10_000 {
		plain = append(plain, Event{Timestamp: int64(i), Message: fmt.Sprintf("2026-11-25T12:00:00Z 7a1c2c58-0000-4000-8000-%012d INFO request served in %d ms", i, i%97)})
		jsons = append(jsons, Event{Timestamp: int64(i), Message: fmt.Sprintf(`{"level":"INFO","requestId":"7a1c2c58-%012d","ms":%d,"path":"/a/b"}`, i, i%97)})
	}
	for _, c := range []struct {
		name, query string
		events      []Event
	}{
		{"filter text", `filter @message like "in 96 ms" | stats count(*)`, plain},
		{"filter regex", `filter @message like /in 9\d ms/ | stats count(*)`, plain},
		{"filter json", `filter ms > 90 | stats count(*)`, jsons},
		{"stats by", `stats avg(ms), pct(ms, 99) by level, bin(1s)`, jsons},
		{"parse", `parse @message "served in * ms" as ms | stats avg(ms)`, plain},
	} {
		b.Run(c.name, func(b *testing.B) {
			q, err := Compile(c.query, Limits{})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := q.Run(each(c.events), Run{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*len(c.events))/b.Elapsed().Seconds(), "lines/s")
		})
	}
}

func ExampleCompile() {
	q, err := Compile(`filter status >= 400 | stats count(*) as errors by user.id | sort errors desc`, Limits{})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := q.Run(each(docs), Run{Now: time.Now()})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, row := range r.Rows {
		fmt.Println(row)
	}
	// Output: [{user.id u1} {errors 2}]
}
