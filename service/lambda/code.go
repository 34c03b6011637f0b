package lambda

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	lambdaapi "virga/api/lambda"
	s3api "virga/api/s3"
	"virga/internal/blob"
	"virga/internal/compute"
	"virga/internal/job"
	"virga/internal/store"
	"virga/internal/wire"
)

// Limits of a package (AWS Lambda Developer Guide, Lambda quotas).
const (
	zipInlineMax  = 50 << 20
	zipS3Max      = 250 << 20
	unzippedMax   = 262144000
	entriesMax    = 100_000
	codeLinkFor   = 10 * time.Minute
	stateWaitMax  = 10 * time.Second
	settleRetries = 5
)

// source is where a package comes from.
type source struct {
	zip                  []byte
	bucket, key, version *string
}

func codeOf(c *lambdaapi.FunctionCode) source {
	return source{zip: c.ZipFile, bucket: c.S3Bucket, key: c.S3Key, version: c.S3ObjectVersion}
}

// fetch stores a package as a blob of the caller's account. An object is read with the caller's own rights.
func (s *Service) fetch(ctx context.Context, from source) (ref blob.Ref, sha string, err error) {
	c := wire.CallOf(ctx)
	var r io.Reader
	max := int64(zipInlineMax)
	switch {
	case len(from.zip) > 0 && from.bucket == nil && from.key == nil:
		if len(from.zip) > zipInlineMax {
			return ref, "", &lambdaapi.RequestTooLargeException{Message: "Request must be smaller than 70167211 bytes for the " + c.Operation + " operation"}
		}
		r = bytes.NewReader(from.zip)
	case from.bucket != nil && from.key != nil && len(from.zip) == 0:
		max = zipS3Max
		out, err := (&s3api.Client{Invoker: s.cfg.Forward}).GetObject(ctx, &s3api.GetObjectInput{Bucket: *from.bucket, Key: *from.key, VersionId: from.version})
		if err != nil {
			if !wire.Known(err) {
				return ref, "", err
			}
			in := wire.Info(s3api.Model.Schema, wire.RESTXML, err)
			return ref, "", invalid("Error occurred while GetObject. S3 Error Code: %s. S3 Error Message: %s", in.Code, in.Message)
		}
		if out.Body == nil {
			return ref, "", invalid("Could not unzip uploaded file. Please check your file, then try to upload again.")
		}
		r = out.Body
		if cl, ok := r.(io.Closer); ok {
			defer cl.Close()
		}
	default:
		return ref, "", invalid("Please provide a source for function code.")
	}
	w := s.cfg.Blobs.Create(ctx, c.Account)
	defer w.Abort()
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, h), io.LimitReader(r, max+1))
	if err != nil {
		return ref, "", err
	}
	if n > max {
		return ref, "", invalid("Unzipped size must be smaller than %d bytes", unzippedMax)
	}
	if ref, err = w.Commit(); err != nil {
		return ref, "", err
	}
	if err := checkZip(s.cfg.Blobs.ReaderAt(ctx, c.Account, ref), n); err != nil {
		return ref, "", err
	}
	return ref, base64.StdEncoding.EncodeToString(h.Sum(nil)), nil
}

// checkZip looks at the directory of an archive: what cannot be opened or is too large is refused before anything is
// made. Unpacking, in a worker, checks every byte again.
func checkZip(r io.ReaderAt, size int64) error {
	z, err := zip.NewReader(r, size)
	if errors.Is(err, zip.ErrInsecurePath) {
		err = nil
	}
	if err != nil || z == nil || len(z.File) > entriesMax {
		return invalid("Could not unzip uploaded file. Please check your file, then try to upload again.")
	}
	if len(z.File) == 0 {
		return invalid("Uploaded file must be a non-empty zip")
	}
	var sum uint64
	for _, f := range z.File {
		sum += f.UncompressedSize64
		if sum >= unzippedMax || f.UncompressedSize64 >= unzippedMax {
			return invalid("Unzipped size must be smaller than %d bytes", unzippedMax)
		}
		if strings.HasPrefix(f.Name, "/") || strings.Contains(f.Name, "\x00") || strings.Contains("/"+strings.ReplaceAll(f.Name, "\\", "/")+"/", "/../") {
			return invalid("Could not unzip uploaded file. Please check your file, then try to upload again.")
		}
	}
	return nil
}

// settleKind makes a function Active: it unpacks the code where this node runs it.
const settleKind = "lambda.settle"

type settlePayload struct{ Name, Region, ID string }

func (p settlePayload) bytes() []byte {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings
	}
	return b
}

func settleID(region string, f *function) string { return region + "/" + f.Name + "/" + f.ID }

type settle struct{ s *Service }

// Step implements job.Kind.
func (k *settle) Step(tx store.Tx, j *job.Job, now time.Time) ([]job.Effect, job.Next, error) {
	var p settlePayload
	if err := json.Unmarshal(j.Payload, &p); err != nil {
		return nil, job.End, nil
	}
	f, ok := store.Load[function](tx, functionKey(j.Account, p.Region, p.Name))
	if !ok || f.ID != p.ID || f.Latest.State != "Pending" && f.Latest.Update != "InProgress" {
		return nil, job.End, nil
	}
	return []job.Effect{{ID: job.EffectID(j, f.Latest.Revision), Name: f.Latest.Revision}}, job.Next{}, nil
}

// Do implements job.Kind.
func (k *settle) Do(ctx context.Context, j job.Job, e job.Effect) job.Result {
	var p settlePayload
	if err := json.Unmarshal(j.Payload, &p); err != nil {
		return job.Result{Code: "gone"}
	}
	x := ref{account: j.Account, region: p.Region, name: p.Name}
	var v *version
	err := k.s.cfg.Store.View(ctx, func(r store.Reader) error {
		v = nil
		if f, ok := store.Load[function](r, x.key()); ok && f.ID == p.ID {
			v = &f.Latest
		}
		return nil
	})
	if err != nil {
		return job.Result{Err: err.Error()}
	}
	if v == nil {
		return job.Result{Code: "gone"}
	}
	if err := k.s.cfg.Compute.Prepare(ctx, runnable(x, v)); err != nil {
		return job.Result{Err: err.Error()}
	}
	return job.Result{}
}

// Settle implements job.Kind.
func (k *settle) Settle(tx store.Tx, j *job.Job, rs []job.Result, now time.Time) (job.Next, error) {
	var p settlePayload
	if err := json.Unmarshal(j.Payload, &p); err != nil || rs[0].Code == "gone" {
		return job.End, nil
	}
	fk := functionKey(j.Account, p.Region, p.Name)
	f, ok := store.Load[function](tx, fk)
	if !ok || f.ID != p.ID {
		return job.End, nil
	}
	settled := func(v *version) {
		created := v.State == "Pending"
		if rs[0].Err != "" {
			if created {
				v.State, v.Reason, v.ReasonCode = "Failed", rs[0].Err, "InvalidZipFileException"
			}
			v.Update, v.UpdateWhy, v.UpdateCode = "Failed", rs[0].Err, "InvalidZipFileException"
			return
		}
		v.State, v.Reason, v.ReasonCode = "Active", "", ""
		v.Update, v.UpdateWhy, v.UpdateCode = "Successful", "", ""
	}
	if f.Latest.State == "Pending" || f.Latest.Update == "InProgress" {
		settled(&f.Latest)
	}
	store.Put(tx, fk, f)
	store.Each(tx, store.Prefix(versionsOf(j.Account, p.Region, p.Name)), func(vk store.Key, v *version) bool {
		if v.State == "Pending" || v.Update == "InProgress" {
			settled(v)
			store.Put(tx, append(store.Key{}, vk...), v)
		}
		return true
	})
	tx.Bump(scope(j.Account))
	tx.Wake(stateTopic(j.Account, p.Region, p.Name))
	return job.End, nil
}

// runnable is a version as compute runs it.
func runnable(x ref, v *version) *compute.Function {
	arn := x.arn()
	if v.Number > 0 {
		arn += ":" + v.label()
	}
	return &compute.Function{ARN: arn, Account: x.account, Region: x.region, Name: x.name, Version: v.label(), Revision: v.CodeSHA + v.ConfigSHA,
		Runtime: v.Runtime, Handler: v.Handler, RoleARN: v.Role, Code: v.Code, CodeSHA: v.CodeSHA, Timeout: time.Duration(v.Timeout) * time.Second,
		MemoryMB: int(v.Memory), TmpMB: int(v.Tmp), Env: v.Env, LogGroup: v.LogGroup}
}

// codeLink is the address where a package can be fetched for a while, as AWS gives one.
func (s *Service) codeLink(c *wire.Call, x ref, v *version) (string, error) {
	until := s.cfg.Env.Wall().Add(codeLinkFor)
	b, err := s.cfg.Sealer.SealToken(x.account, "lambda/code", []byte(strings.Join([]string{strconv.FormatInt(until.Unix(), 10), x.region, x.name, v.label()}, "/")))
	if err != nil {
		return "", err
	}
	return c.BaseURL + codePath + x.account + "/" + base64.RawURLEncoding.EncodeToString(b), nil
}

const codePath = "/_aws/lambda/code/"

// ServeCode answers the addresses that GetFunction gives; it tells whether the request was for one.
func (s *Service) ServeCode(w http.ResponseWriter, r *http.Request) bool {
	rest, ok := strings.CutPrefix(r.URL.Path, codePath)
	if !ok {
		return false
	}
	account, token, _ := strings.Cut(rest, "/")
	sealed, err := base64.RawURLEncoding.DecodeString(token)
	var plain []byte
	if err == nil && len(account) == 12 {
		plain, err = s.cfg.Sealer.OpenToken(account, "lambda/code", sealed)
	}
	p := strings.Split(string(plain), "/")
	until, _ := strconv.ParseInt(p[0], 10, 64)
	if r.Method != http.MethodGet || err != nil || len(p) != 4 || s.cfg.Env.Wall().Unix() > until {
		http.Error(w, "403 Forbidden: the link is not valid or has expired", http.StatusForbidden)
		return true
	}
	t, err := s.find(r.Context(), ref{account: account, region: p[1], name: p[2], qualifier: p[3]})
	if err != nil {
		http.NotFound(w, r)
		return true
	}
	rd, err := s.cfg.Blobs.Open(r.Context(), account, t.version.Code, 0, -1)
	if err != nil {
		http.NotFound(w, r)
		return true
	}
	defer rd.Close()
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Length", strconv.FormatInt(t.version.Code.Size, 10))
	io.Copy(w, rd)
	return true
}
