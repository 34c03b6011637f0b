// Package checksum computes the checksums that Amazon S3 and others keep of objects: CRC32, CRC32C, CRC64NVME, SHA-1,
// SHA-256, SHA-512, MD5 and XXHASH64, several at once over a stream, and what multipart uploads make of their parts' sums.
//
// Source: Amazon S3 User Guide, "Checking object integrity in Amazon S3" and "Using part-level checksums for multipart
// uploads".
//
// What differs from AWS: XXHASH3 and XXHASH128, which the newest model names, are not computed; New refuses them by
// name.
//
// It is no authenticator: none of this proves who wrote an object (that is sigv4 and sealing).
package checksum
