package s3_test

import (
	"strings"
	"testing"

	s3api "virga/api/s3"
	"virga/internal/resource"
	"virga/internal/wire"
)

func (w *world) resourceType(name string) resource.Type {
	w.t.Helper()
	for _, r := range w.Gate.Types() {
		if r.Name() == name {
			return r
		}
	}
	w.t.Fatal("no type " + name)
	return nil
}

// TestBucketResource makes, repeats, changes and deletes a bucket and its policy as a stack does.
func TestBucketResource(t *testing.T) {
	w := newWorld(t)
	typ := w.resourceType("AWS::S3::Bucket")
	r := &resource.Request{Type: typ.Name(), LogicalID: "CodeBucket", StackID: "arn:stack/1", StackName: "My-Stack", Suffix: "abcdefghijkl", Token: "t",
		Properties: resource.Properties{"VersioningConfiguration": map[string]any{"Status": "Enabled"},
			"BucketEncryption":               map[string]any{"ServerSideEncryptionConfiguration": []any{map[string]any{"ServerSideEncryptionByDefault": map[string]any{"SSEAlgorithm": "AES256"}}}},
			"PublicAccessBlockConfiguration": map[string]any{"BlockPublicAcls": "true", "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": false},
			"CorsConfiguration":              map[string]any{"CorsRules": []any{map[string]any{"Id": "c", "AllowedMethods": []any{"GET"}, "AllowedOrigins": []any{"*"}, "ExposedHeaders": []any{"ETag"}, "MaxAge": "30"}}},
			"LifecycleConfiguration": map[string]any{"Rules": []any{map[string]any{"Id": "CleanupOldVersions", "Status": "Enabled", "NoncurrentVersionExpiration": map[string]any{"NoncurrentDays": 30}},
				map[string]any{"Id": "AbortIncompleteMultipartUploads", "Status": "Enabled", "AbortIncompleteMultipartUpload": map[string]any{"DaysAfterInitiation": 1}}}},
			"Tags": []any{map[string]any{"Key": "team", "Value": "a"}}},
		Tags:    map[string]string{"aws:cloudformation:stack-id": "arn:stack/1", "aws:cloudformation:logical-id": "CodeBucket", "aws:cloudformation:stack-name": "My-Stack"},
		Invoker: w.c.Invoker, Call: wire.CallOf(w.ctx)}
	r.Physical = typ.(resource.Namer).PhysicalName(r)
	if r.Physical != "my-stack-codebucket-abcdefghijkl" {
		t.Errorf("name %s", r.Physical)
	}
	for range 2 { // the second is a repeat after a crash
		p, err := typ.Create(w.ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		if p.Physical != r.Physical || p.Attributes["Arn"] != "arn:aws:s3:::"+r.Physical || !strings.HasPrefix(p.Attributes["DomainName"].(string), r.Physical+".s3.") {
			t.Errorf("%+v", p)
		}
	}
	other := *r
	other.StackID = "arn:stack/2"
	if _, err := typ.Create(w.ctx, &other); err == nil || !strings.Contains(err.Error(), "already exists") {
		t.Errorf("another stack's bucket: %v", err)
	}
	v, err := w.c.GetBucketVersioning(w.ctx, &s3api.GetBucketVersioningInput{Bucket: r.Physical})
	if err != nil || wire.V(v.Status) != "Enabled" {
		t.Error(v, err)
	}
	b, err := w.c.GetPublicAccessBlock(w.ctx, &s3api.GetPublicAccessBlockInput{Bucket: r.Physical})
	if err != nil || *b.PublicAccessBlockConfiguration.RestrictPublicBuckets || !*b.PublicAccessBlockConfiguration.BlockPublicAcls {
		t.Error(b, err)
	}
	tags, err := w.c.GetBucketTagging(w.ctx, &s3api.GetBucketTaggingInput{Bucket: r.Physical})
	if err != nil || len(tags.TagSet) != 4 {
		t.Error(tags, err)
	}
	rules, err := w.c.GetBucketLifecycleConfiguration(w.ctx, &s3api.GetBucketLifecycleConfigurationInput{Bucket: r.Physical})
	if err != nil || len(rules.Rules) != 2 || *rules.Rules[0].NoncurrentVersionExpiration.NoncurrentDays != 30 {
		t.Error(rules, err)
	}
	cors, err := w.c.GetBucketCors(w.ctx, &s3api.GetBucketCorsInput{Bucket: r.Physical})
	if err != nil || cors.CORSRules[0].ExposeHeaders[0] != "ETag" || *cors.CORSRules[0].MaxAgeSeconds != 30 {
		t.Error(cors, err)
	}
	up := *r
	up.Previous, up.Properties = r.Properties, resource.Properties{"BucketEncryption": r.Properties["BucketEncryption"]}
	if _, err := typ.Update(w.ctx, &up); err != nil {
		t.Fatal(err)
	}
	v, err = w.c.GetBucketVersioning(w.ctx, &s3api.GetBucketVersioningInput{Bucket: r.Physical})
	if err != nil || wire.V(v.Status) != "Suspended" {
		t.Error(v, err)
	}
	kms := *r
	kms.Properties = resource.Properties{"BucketEncryption": map[string]any{"ServerSideEncryptionConfiguration": []any{map[string]any{"ServerSideEncryptionByDefault": map[string]any{"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "mine"}}}}}
	if _, err := typ.Update(w.ctx, &kms); code(err) != "NotImplemented" {
		t.Errorf("KMS: %v", err)
	}

	pol := w.resourceType("AWS::S3::BucketPolicy")
	pr := &resource.Request{Type: pol.Name(), LogicalID: "P", StackID: r.StackID, Physical: r.Physical, Invoker: w.c.Invoker, Call: r.Call,
		Properties: resource.Properties{"Bucket": r.Physical, "PolicyDocument": map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
			"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::" + r.Physical + "/no/*"}}}}}
	for range 2 {
		if _, err := pol.Create(w.ctx, pr); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := pol.Delete(w.ctx, pr); err != nil {
		t.Fatal(err)
	}
	w.put(r.Physical, "k", []byte("x"))
	_, err = typ.Delete(w.ctx, r)
	w.wants("BucketNotEmpty", err)
	if err == nil || !strings.Contains(err.Error(), "The bucket you tried to delete is not empty") {
		t.Error(err)
	}
	ls, err := w.c.ListObjectVersions(w.ctx, &s3api.ListObjectVersionsInput{Bucket: r.Physical})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range ls.Versions {
		if _, err := w.c.DeleteObject(w.ctx, &s3api.DeleteObjectInput{Bucket: r.Physical, Key: *x.Key, VersionId: x.VersionId}); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if _, err := typ.Delete(w.ctx, r); err != nil {
			t.Fatal(err)
		}
	}
}
