package s3_test

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	s3api "virga/api/s3"
	"virga/internal/wire"
)

// TestNothingIsLeft: whatever is replaced, aborted, completed or deleted leaves no row behind.
func TestNothingIsLeft(t *testing.T) {
	w := newWorld(t)
	name := w.bucket("leaks")
	big := bytes.Repeat([]byte("0123456789abcdef"), 5<<16) // 5 MiB
	upload := func(key string) string {
		t.Helper()
		out, err := w.c.CreateMultipartUpload(w.ctx, &s3api.CreateMultipartUploadInput{Bucket: name, Key: key})
		if err != nil {
			t.Fatal(err)
		}
		return *out.UploadId
	}
	part := func(key, id string, n int32, b []byte) s3api.CompletedPart {
		out, err := w.c.UploadPart(w.ctx, &s3api.UploadPartInput{Bucket: name, Key: key, UploadId: id, PartNumber: n, Body: body(b)})
		if err != nil {
			t.Error(err)
			return s3api.CompletedPart{}
		}
		return s3api.CompletedPart{PartNumber: &n, ETag: out.ETag}
	}
	// Many small parts, more than one transaction drops, sent at once.
	id := upload("many")
	var wg sync.WaitGroup
	for i := range int32(80) {
		wg.Add(1)
		go func() { defer wg.Done(); part("many", id, i+1, []byte(fmt.Sprint(i))) }()
	}
	wg.Wait()
	if _, err := w.c.AbortMultipartUpload(w.ctx, &s3api.AbortMultipartUploadInput{Bucket: name, Key: "many", UploadId: id}); err != nil {
		t.Fatal(err)
	}
	// A completed upload with unused and replaced parts, then replaced by a put, and copied before.
	id = upload("k")
	part("k", id, 1, []byte("replaced"))
	parts := []s3api.CompletedPart{part("k", id, 1, big), part("k", id, 2, []byte("end"))}
	for i := range int32(50) {
		part("k", id, 100+i, []byte("unused"))
	}
	done := func() (*s3api.CompleteMultipartUploadOutput, error) {
		return w.c.CompleteMultipartUpload(w.ctx, &s3api.CompleteMultipartUploadInput{Bucket: name, Key: "k", UploadId: id, MultipartUpload: &s3api.CompletedMultipartUpload{Parts: parts}})
	}
	for range 2 { // a repeat gets the same answer
		if _, err := done(); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := w.get(name, "k", nil); err != nil || len(b) != len(big)+3 || string(b[len(big):]) != "end" {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	if _, err := w.c.CopyObject(w.ctx, &s3api.CopyObjectInput{Bucket: name, Key: "copy", CopySource: name + "/k"}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.c.CopyObject(w.ctx, &s3api.CopyObjectInput{Bucket: name, Key: "copy2", CopySource: name + "/copy"}); err != nil {
		t.Fatal(err)
	}
	w.put(name, "k", []byte("small"))
	if _, err := done(); code(err) != "NoSuchUpload" {
		t.Errorf("a repeat after the object was replaced: %v", err)
	}
	if b, err := w.get(name, "copy2", nil); err != nil || !bytes.Equal(b[:len(big)], big) {
		t.Fatal(len(b), err)
	}
	// An upload that the deletion of its bucket leaves behind.
	id = upload("orphan")
	part("orphan", id, 1, []byte("x"))
	for _, k := range []string{"k", "copy", "copy2"} {
		if _, err := w.c.DeleteObject(w.ctx, &s3api.DeleteObjectInput{Bucket: name, Key: k}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.c.DeleteBucket(w.ctx, &s3api.DeleteBucketInput{Bucket: name}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "an empty store", func() bool { n, _ := w.rows(); return n == 0 })
}

// TestRacingCompletes: of two clients who complete the same upload both succeed, and of two conditional writes one does.
func TestRacingWrites(t *testing.T) {
	w := newWorld(t)
	name := w.bucket("races")
	for round := range 20 {
		key := fmt.Sprint(round)
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := 0
		for i := range 4 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				_, err := w.c.PutObject(w.ctx, &s3api.PutObjectInput{Bucket: name, Key: key, Body: body([]byte{byte(i)}), IfNoneMatch: wire.P("*")})
				if err == nil {
					mu.Lock()
					won++
					mu.Unlock()
				} else if code(err) != "PreconditionFailed" {
					t.Error(err)
				}
			}()
		}
		wg.Wait()
		if won != 1 {
			t.Fatalf("%d writers won", won)
		}
	}
}
