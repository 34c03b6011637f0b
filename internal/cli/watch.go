package cli

import (
	"context"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	lambdaapi "virga/api/lambda"
	"virga/internal/cli/bundle"
	"virga/internal/wire"
)

const (
	watchEvery   = 40 * time.Millisecond
	watchShare   = 20                    // a look at the folders may take a 20th of the time at most
	settleFor    = 15 * time.Millisecond // editors write in several steps: a folder must be quiet for so long
	directZipMax = 40 << 20              // bytes of an archive in the call itself; larger ones go by the bucket
	liveWait     = 30 * time.Second
)

// watched is a function whose code is a folder here.
type watched struct {
	function
	path  string
	stamp uint64
}

// stampOf sums up names, sizes and times of what would be packed: another sum, another package.
func stampOf(path string) uint64 {
	h := fnv.New64a()
	_ = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if p != path && bundle.Skipped(d.Name()) {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			return nil
		}
		if st, err := os.Stat(p); err == nil {
			fmt.Fprintf(h, "%s\x00%d\x00%d\x00%o\x00", p, st.Size(), st.ModTime().UnixNano(), st.Mode())
		}
		return nil
	})
	return h.Sum64()
}

// newest is when a file below a path was saved last.
func newest(path string) time.Time {
	var out time.Time
	_ = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err == nil && (p == path || !bundle.Skipped(d.Name())) {
			if st, err := os.Stat(p); err == nil && st.ModTime().After(out) {
				out = st.ModTime()
			}
		}
		return nil
	})
	return out
}

// watch shows logs and follows changes until it is ended.
func (s *session) watch(ctx context.Context) error {
	s.a.say("Watching %s; Ctrl-C ends.", filepath.Dir(s.d.file))
	logs := make(chan struct{})
	lctx, stop := context.WithCancel(ctx)
	defer func() { stop(); <-logs }()
	groups := make(chan []source, 1)
	tail := s.tail
	if tail == nil {
		tail = &tailer{a: s.a, c: s.c, since: s.began}
	}
	go func() {
		defer close(logs)
		for {
			select {
			case tail.groups = <-groups:
			default:
			}
			if _, err := tail.once(lctx); err != nil && lctx.Err() == nil {
				s.a.note("logs: %v", err)
				pause(lctx, 2*time.Second)
			}
			if pause(lctx, logPoll) != nil {
				return
			}
		}
	}()
	template := stampOf(s.d.file)
	every := watchEvery
	for {
		if pause(ctx, every) != nil {
			return nil
		}
		began := time.Now()
		if now := stampOf(s.d.file); now != template {
			pause(ctx, settleFor)
			template = stampOf(s.d.file)
			s.tail = &tailer{a: s.a, c: s.c, since: began}
			if _, err := s.deploy(ctx); err != nil && ctx.Err() == nil {
				msg, _ := s.a.Explain(err)
				s.a.say("%s\nThe stack stays as it was; save the template to try again.", msg)
			}
			select {
			case groups <- s.tail.groups:
			default:
			}
			continue
		}
		var changed []*watched
		for _, w := range s.live {
			if stampOf(w.path) != w.stamp {
				changed = append(changed, w)
			}
		}
		looked := time.Since(began)
		for _, w := range changed {
			s.reload(ctx, w)
		}
		every = max(watchEvery, looked*watchShare)
	}
}

// reload makes a folder's code the function's, without the stack, and says how long that took from the save on.
func (s *session) reload(ctx context.Context, w *watched) {
	for { // until the folder is quiet
		now := stampOf(w.path)
		if now == w.stamp {
			break
		}
		w.stamp = now
		if pause(ctx, settleFor) != nil {
			return
		}
	}
	saved := newest(w.path)
	if err := s.update(ctx, w); err != nil {
		if ctx.Err() == nil {
			msg, _ := s.a.Explain(err)
			s.a.say("%s: not reloaded: %s", w.Logical, msg)
		}
		return
	}
	s.a.say("%s: live %d ms after it was saved", w.Logical, time.Since(saved).Milliseconds())
}

func (s *session) update(ctx context.Context, w *watched) error {
	b, err := bundle.Zip(w.path)
	if err != nil {
		return err
	}
	in := &lambdaapi.UpdateFunctionCodeInput{FunctionName: w.Name}
	if len(b) <= directZipMax {
		in.ZipFile = b
	} else {
		bucket, err := s.a.packages(ctx, s.c)
		if err != nil {
			return err
		}
		key := bundle.Digest(b) + ".zip"
		if err := upload(ctx, s.c, bucket, key, b); err != nil {
			return err
		}
		in.S3Bucket, in.S3Key = &bucket, &key
	}
	out, err := s.c.lambda.UpdateFunctionCode(ctx, in)
	if err != nil {
		return err
	}
	status, reason := wire.V(out.LastUpdateStatus), wire.V(out.LastUpdateStatusReason)
	for until := time.Now().Add(liveWait); status == "InProgress"; {
		if time.Now().After(until) {
			return failed("its update did not end within %s", liveWait)
		}
		if err := pause(ctx, 2*time.Millisecond); err != nil {
			return err
		}
		c, err := s.c.lambda.GetFunctionConfiguration(ctx, &lambdaapi.GetFunctionConfigurationInput{FunctionName: w.Name})
		if err != nil {
			return err
		}
		status, reason = wire.V(c.LastUpdateStatus), wire.V(c.LastUpdateStatusReason)
	}
	if status == "Failed" {
		return failed("%s", reason)
	}
	return nil
}
