// Package s3 is Amazon S3: general purpose buckets and their objects, with versions, multipart uploads, checksums, tags,
// bucket policies, public access blocks, CORS and lifecycle rules (Amazon Simple Storage Service User Guide).
//
// What differs from AWS: objects are encrypted with the account's own data key and named AES256, or aws:kms with the key alias/aws/s3 where asked for; keys of one's own in KMS and customer
// keys (SSE-C) are refused until KMS is there. ACLs beyond the bucket owner's own control are refused; object lock,
// notifications, replication, logging, inventory and website configurations can be asked for and are absent; setting
// them is not implemented and says so. Lifecycle rules expire and abort; their transitions are refused. The storage
// classes that need a restore (GLACIER, DEEP_ARCHIVE) are refused, the others are labels. DeleteObjects is refused as a
// whole where one of its keys is not allowed; AWS refuses that key. The checksums XXHASH3 and XXHASH128 are refused.
// Form uploads (POST policies) do not reach the service yet. LastModified has whole seconds, as in AWS's headers.
package s3
