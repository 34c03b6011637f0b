package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"os"
	"path/filepath"
	"sort"
	"strings"

	s3api "virga/api/s3"
	sqsapi "virga/api/sqs"
	ssmapi "virga/api/ssm"
	"virga/internal/wire"
)

const seedFileMax = 64 << 20 // bytes of one object

type seedCmd struct {
	Globals

	Dir string `arg:"" type:"existingdir" help:"Folder."`
}

// Help teaches.
func (*seedCmd) Help() string {
	return `Loads a folder of this layout; what is missing is made, what is there is overwritten, and messages are sent anew each time:

  DIR/s3/BUCKET/KEY…           objects; the content type follows from the name
  DIR/sqs/QUEUE/*              one message per file, in the order of their names
  DIR/sqs/QUEUE.jsonl          one message per line
  DIR/ssm/PATH/NAME            String parameter /PATH/NAME with the file's text (one line end at its end is not part of it)
  DIR/ssm.json                 {"/name": "value", "/list": ["a", "b"]}; a list becomes a StringList

  virga seed ./seed`
}

type seeded struct {
	Objects    int `json:"objects"`
	Messages   int `json:"messages"`
	Parameters int `json:"parameters"`
}

// Run loads a folder.
func (c *seedCmd) Run(a *App) error {
	s := &seeder{a: a, c: a.clients(), made: map[string]bool{}, queues: map[string]string{}}
	ctx := context.Background()
	entries, err := os.ReadDir(c.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch n := e.Name(); {
		case n == "s3" && e.IsDir(), n == "sqs" && e.IsDir(), n == "ssm" && e.IsDir(), n == "ssm.json", strings.HasPrefix(n, "."), strings.HasPrefix(strings.ToUpper(n), "README"):
		default:
			return usage("%s is no part of a seed folder: it holds s3/, sqs/, ssm/ and ssm.json (virga seed --help)", filepath.Join(c.Dir, n))
		}
	}
	for _, step := range []func(context.Context, string) error{s.objects, s.messages, s.parameters} {
		if err := step(ctx, c.Dir); err != nil {
			return err
		}
	}
	if a.json() {
		return a.print(s.n)
	}
	a.say("Loaded %d objects, %d messages, %d parameters", s.n.Objects, s.n.Messages, s.n.Parameters)
	return nil
}

type seeder struct {
	a      *App
	c      *clients
	n      seeded
	made   map[string]bool
	queues map[string]string
}

// files lists the regular files below a folder, in order; a folder that is not there has none.
func files(dir string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			if os.IsNotExist(err) && p == dir {
				return filepath.SkipAll
			}
			return err
		}
		if d.Type().IsRegular() {
			out = append(out, p)
		}
		return nil
	})
	sort.Strings(out)
	return out, err
}

func readSmall(name string) ([]byte, error) {
	st, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if st.Size() > seedFileMax {
		return nil, usage("%s has more than %d MB", name, seedFileMax>>20)
	}
	return os.ReadFile(name)
}

func (s *seeder) objects(ctx context.Context, dir string) error {
	root := filepath.Join(dir, "s3")
	fs, err := files(root)
	if err != nil {
		return err
	}
	for _, f := range fs {
		rel, _ := filepath.Rel(root, f)
		bucket, key, ok := strings.Cut(filepath.ToSlash(rel), "/")
		if !ok {
			return usage("%s lies in no bucket: s3/BUCKET/KEY", f)
		}
		if !s.made[bucket] {
			in := &s3api.CreateBucketInput{Bucket: bucket}
			if r := s.a.region(); r != "us-east-1" {
				in.CreateBucketConfiguration = &s3api.CreateBucketConfiguration{LocationConstraint: &r}
			}
			if _, err := s.c.s3.CreateBucket(ctx, in); err != nil && !codeIs(err, "BucketAlreadyOwnedByYou") {
				return fmt.Errorf("bucket %s: %w", bucket, err)
			}
			s.made[bucket] = true
		}
		b, err := readSmall(f)
		if err != nil {
			return err
		}
		in := &s3api.PutObjectInput{Bucket: bucket, Key: key, Body: io.NopCloser(bytes.NewReader(b))}
		if t := mime.TypeByExtension(filepath.Ext(key)); t != "" {
			in.ContentType = &t
		}
		if _, err := s.c.s3.PutObject(ctx, in); err != nil {
			return fmt.Errorf("object %s/%s: %w", bucket, key, err)
		}
		s.n.Objects++
	}
	return nil
}

func (s *seeder) messages(ctx context.Context, dir string) error {
	root := filepath.Join(dir, "sqs")
	fs, err := files(root)
	if err != nil {
		return err
	}
	for _, f := range fs {
		rel, _ := filepath.Rel(root, f)
		queue, _, nested := strings.Cut(filepath.ToSlash(rel), "/")
		b, err := readSmall(f)
		if err != nil {
			return err
		}
		bodies := []string{string(b)}
		if !nested {
			name, ok := strings.CutSuffix(queue, ".jsonl")
			if !ok {
				return usage("%s: give messages as sqs/QUEUE/* or sqs/QUEUE.jsonl", f)
			}
			queue, bodies = name, nil
			for _, l := range strings.Split(string(b), "\n") {
				if strings.TrimSpace(l) != "" {
					bodies = append(bodies, l)
				}
			}
		}
		if s.queues[queue] == "" {
			out, err := s.c.sqs.GetQueueUrl(ctx, &sqsapi.GetQueueUrlInput{QueueName: queue})
			if err == nil {
				s.queues[queue] = wire.V(out.QueueUrl)
			} else {
				made, err := s.c.sqs.CreateQueue(ctx, &sqsapi.CreateQueueInput{QueueName: queue})
				if err != nil {
					return fmt.Errorf("queue %s: %w", queue, err)
				}
				s.queues[queue] = wire.V(made.QueueUrl)
			}
		}
		for _, body := range bodies {
			if _, err := s.c.sqs.SendMessage(ctx, &sqsapi.SendMessageInput{QueueUrl: s.queues[queue], MessageBody: body}); err != nil {
				return fmt.Errorf("message %s: %w", f, err)
			}
			s.n.Messages++
		}
	}
	return nil
}

func (s *seeder) parameters(ctx context.Context, dir string) error {
	put := func(name, value, typ string) error {
		_, err := s.c.ssm.PutParameter(ctx, &ssmapi.PutParameterInput{Name: name, Value: value, Type: &typ, Overwrite: wire.P(true)})
		if err != nil {
			return fmt.Errorf("parameter %s: %w", name, err)
		}
		s.n.Parameters++
		return nil
	}
	root := filepath.Join(dir, "ssm")
	fs, err := files(root)
	if err != nil {
		return err
	}
	for _, f := range fs {
		rel, _ := filepath.Rel(root, f)
		b, err := readSmall(f)
		if err != nil {
			return err
		}
		if err := put("/"+filepath.ToSlash(rel), strings.TrimSuffix(string(b), "\n"), "String"); err != nil {
			return err
		}
	}
	b, err := readSmall(filepath.Join(dir, "ssm.json"))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		return usage("ssm.json: %v", err)
	}
	for _, k := range sortedNames(m) {
		switch v := m[k].(type) {
		case string:
			err = put(k, v, "String")
		case []any:
			var parts []string
			for _, x := range v {
				t, ok := x.(string)
				if !ok {
					return usage("ssm.json: %s: a list holds texts alone", k)
				}
				parts = append(parts, t)
			}
			err = put(k, strings.Join(parts, ","), "StringList")
		default:
			return usage("ssm.json: %s is neither a text nor a list of texts", k)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
