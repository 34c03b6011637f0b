package s3_test

import (
	"strings"
	"testing"
	"time"

	s3api "virga/api/s3"
	"virga/internal/wire"
)

// TestLifecycle moves the clock and looks at what the rules left.
func TestLifecycle(t *testing.T) {
	w := newWorld(t)
	name := w.bucket("lifecycle")
	on := "Enabled"
	if _, err := w.c.PutBucketVersioning(w.ctx, &s3api.PutBucketVersioningInput{Bucket: name, VersioningConfiguration: &s3api.VersioningConfiguration{Status: &on}}); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		w.put(name, "old/versions", []byte("x"))
	}
	w.put(name, "tmp/expires", []byte("x"))
	w.put(name, "kept", []byte("x"))
	up, err := w.c.CreateMultipartUpload(w.ctx, &s3api.CreateMultipartUploadInput{Bucket: name, Key: "upload"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.c.UploadPart(w.ctx, &s3api.UploadPartInput{Bucket: name, Key: "upload", UploadId: *up.UploadId, PartNumber: 1, Body: body([]byte("part"))}); err != nil {
		t.Fatal(err)
	}
	rules := []s3api.LifecycleRule{
		{ID: wire.P("tmp"), Status: "Enabled", Filter: &s3api.LifecycleRuleFilter{Prefix: wire.P("tmp/")}, Expiration: &s3api.LifecycleExpiration{Days: wire.P(int32(3))},
			NoncurrentVersionExpiration: &s3api.NoncurrentVersionExpiration{NoncurrentDays: wire.P(int32(1))}},
		{ID: wire.P("old"), Status: "Enabled", Filter: &s3api.LifecycleRuleFilter{Prefix: wire.P("old/")}, NoncurrentVersionExpiration: &s3api.NoncurrentVersionExpiration{NoncurrentDays: wire.P(int32(1)), NewerNoncurrentVersions: wire.P(int32(2))}},
		{ID: wire.P("abort"), Status: "Enabled", Filter: &s3api.LifecycleRuleFilter{Prefix: wire.P("")}, AbortIncompleteMultipartUpload: &s3api.AbortIncompleteMultipartUpload{DaysAfterInitiation: wire.P(int32(2))}},
		{ID: wire.P("off"), Status: "Disabled", Filter: &s3api.LifecycleRuleFilter{Prefix: wire.P("")}, Expiration: &s3api.LifecycleExpiration{Days: wire.P(int32(1))}},
	}
	put := func(rules ...s3api.LifecycleRule) error {
		_, err := w.c.PutBucketLifecycleConfiguration(w.ctx, &s3api.PutBucketLifecycleConfigurationInput{Bucket: name, LifecycleConfiguration: &s3api.BucketLifecycleConfiguration{Rules: rules}})
		return err
	}
	for code, r := range map[string]s3api.LifecycleRule{
		"MalformedXML":    {ID: wire.P("a"), Status: "Enabled", Expiration: &s3api.LifecycleExpiration{Days: wire.P(int32(1))}},
		"InvalidRequest":  {ID: wire.P("a"), Status: "Enabled", Filter: rules[3].Filter},
		"InvalidArgument": {ID: wire.P("a"), Status: "Enabled", Filter: rules[3].Filter, Expiration: &s3api.LifecycleExpiration{Date: wire.P(time.Date(2030, 1, 1, 5, 0, 0, 0, time.UTC))}},
		"NotImplemented":  {ID: wire.P("a"), Status: "Enabled", Filter: rules[3].Filter, Transitions: []s3api.Transition{{Days: wire.P(int32(1)), StorageClass: wire.P("GLACIER")}}},
	} {
		w.wants(code, put(r))
	}
	w.wants("", put(rules...))
	got, err := w.c.GetBucketLifecycleConfiguration(w.ctx, &s3api.GetBucketLifecycleConfigurationInput{Bucket: name})
	if err != nil || len(got.Rules) != 4 || *got.Rules[0].Expiration.Days != 3 || got.Rules[3].Status != "Disabled" {
		t.Fatalf("%+v %v", got, err)
	}
	h, err := w.c.HeadObject(w.ctx, &s3api.HeadObjectInput{Bucket: name, Key: "tmp/expires"})
	if err != nil || !strings.Contains(wire.V(h.Expiration), `rule-id="tmp"`) {
		t.Errorf("%v %v", wire.V(h.Expiration), err)
	}
	list := func() (versions, markers map[string]int) {
		out, err := w.c.ListObjectVersions(w.ctx, &s3api.ListObjectVersionsInput{Bucket: name})
		if err != nil {
			t.Fatal(err)
		}
		versions, markers = map[string]int{}, map[string]int{}
		for _, v := range out.Versions {
			versions[*v.Key]++
		}
		for _, v := range out.DeleteMarkers {
			markers[*v.Key]++
		}
		return versions, markers
	}
	w.Env.SetOffset(2*24*time.Hour + time.Minute)
	eventually(t, "old versions gone", func() bool { v, _ := list(); return v["old/versions"] == 3 })
	if v, m := list(); v["tmp/expires"] != 1 || v["kept"] != 1 || len(m) != 0 {
		t.Errorf("too early: %v %v", v, m)
	}
	w.Env.SetOffset(4*24*time.Hour + time.Minute)
	eventually(t, "a marker", func() bool { _, m := list(); return m["tmp/expires"] == 1 })
	if _, err := w.c.ListParts(w.ctx, &s3api.ListPartsInput{Bucket: name, Key: "upload", UploadId: *up.UploadId}); code(err) != "NoSuchUpload" {
		t.Errorf("the upload is not aborted: %v", err)
	}
	w.Env.SetOffset(10*24*time.Hour + time.Minute)
	eventually(t, "nothing of tmp", func() bool { v, m := list(); return v["tmp/expires"] == 0 && m["tmp/expires"] == 0 })
	if v, _ := list(); v["kept"] != 1 || v["old/versions"] != 3 {
		t.Errorf("too much: %v", v)
	}
	if _, err := w.c.DeleteBucketLifecycle(w.ctx, &s3api.DeleteBucketLifecycleInput{Bucket: name}); err != nil {
		t.Fatal(err)
	}
	_, err = w.c.GetBucketLifecycleConfiguration(w.ctx, &s3api.GetBucketLifecycleConfigurationInput{Bucket: name})
	w.wants("NoSuchLifecycleConfiguration", err)
}
