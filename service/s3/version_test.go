package s3_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	s3api "virga/api/s3"
	"virga/internal/wire"
)

// TestVersionsModel runs random histories of writes, deletions and versioning states against a naive model.
func TestVersionsModel(t *testing.T) {
	w := newWorld(t)
	type version struct {
		id     string
		body   string
		marker bool
	}
	for seed := range uint64(12) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		name := w.bucket(fmt.Sprintf("model-%d", seed))
		state := ""
		keys := []string{"a", "a/b", "z\x00z"}
		model := map[string][]version{} // newest first
		null := func(l []version) []version {
			return slices.DeleteFunc(l, func(v version) bool { return v.id == "null" })
		}
		for step := range 120 {
			k := keys[rnd.IntN(len(keys))]
			l := model[k]
			switch n := rnd.IntN(10); {
			case n < 5:
				b := fmt.Sprint(seed, step)
				id := w.put(name, k, []byte(b))
				switch state {
				case "":
					l = []version{{id: "null", body: b}}
				case "Suspended":
					l = append([]version{{id: "null", body: b}}, null(l)...)
				default:
					l = append([]version{{id: id, body: b}}, l...)
				}
			case n < 7:
				out, err := w.c.DeleteObject(w.ctx, &s3api.DeleteObjectInput{Bucket: name, Key: k})
				if err != nil {
					t.Fatal(err)
				}
				switch state {
				case "":
					l = nil
				case "Suspended":
					l = append([]version{{id: "null", marker: true}}, null(l)...)
				default:
					l = append([]version{{id: *out.VersionId, marker: true}}, l...)
				}
			case n < 9 && len(l) > 0:
				i := rnd.IntN(len(l))
				if _, err := w.c.DeleteObject(w.ctx, &s3api.DeleteObjectInput{Bucket: name, Key: k, VersionId: &l[i].id}); err != nil {
					t.Fatal(err)
				}
				l = append(append([]version{}, l[:i]...), l[i+1:]...)
			case step > 30:
				state = []string{"Enabled", "Suspended"}[rnd.IntN(2)]
				if _, err := w.c.PutBucketVersioning(w.ctx, &s3api.PutBucketVersioningInput{Bucket: name, VersioningConfiguration: &s3api.VersioningConfiguration{Status: &state}}); err != nil {
					t.Fatal(err)
				}
			}
			model[k] = l
			got := map[string][]version{}
			in := &s3api.ListObjectVersionsInput{Bucket: name, MaxKeys: wire.P(int32(1 + rnd.IntN(5)))}
			for {
				out, err := w.c.ListObjectVersions(w.ctx, in)
				if err != nil {
					t.Fatal(err)
				}
				if n := len(out.Versions) + len(out.DeleteMarkers); n > int(*in.MaxKeys) {
					t.Fatalf("%d entries of %d", n, *in.MaxKeys)
				}
				for _, v := range out.Versions {
					got[*v.Key] = append(got[*v.Key], version{id: *v.VersionId})
				}
				for _, v := range out.DeleteMarkers {
					got[*v.Key] = append(got[*v.Key], version{id: *v.VersionId, marker: true})
				}
				if !*out.IsTruncated {
					break
				}
				in.KeyMarker, in.VersionIdMarker = out.NextKeyMarker, out.NextVersionIdMarker
			}
			for _, k := range keys {
				if len(got[k]) != len(model[k]) {
					t.Fatalf("seed %d step %d key %q: %v, want %v", seed, step, k, got[k], model[k])
				}
				for _, v := range model[k] {
					if !slices.ContainsFunc(got[k], func(g version) bool { return g.id == v.id && g.marker == v.marker }) {
						t.Fatalf("seed %d step %d key %q: no %v in %v", seed, step, k, v, got[k])
					}
					b, err := w.get(name, k, &v.id)
					if v.marker {
						w.wants("MethodNotAllowed", err)
					} else if err != nil || string(b) != v.body {
						t.Fatalf("seed %d step %d key %q version %s: %q %v, want %q", seed, step, k, v.id, b, err, v.body)
					}
				}
				b, err := w.get(name, k, nil)
				if l := model[k]; len(l) == 0 || l[0].marker {
					w.wants("NoSuchKey", err)
				} else if string(b) != l[0].body {
					t.Fatalf("seed %d step %d key %q: %q, want %q", seed, step, k, b, l[0].body)
				}
			}
		}
		for k, l := range model {
			for _, v := range l {
				if _, err := w.c.DeleteObject(w.ctx, &s3api.DeleteObjectInput{Bucket: name, Key: k, VersionId: &v.id}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := w.c.DeleteBucket(w.ctx, &s3api.DeleteBucketInput{Bucket: name}); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	if n, first := w.rows(); n != 0 {
		t.Errorf("%d rows are left, the first %s", n, first)
	}
}
