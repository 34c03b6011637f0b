// Package sigv4 makes and checks AWS signatures: Signature Version 4 in a header, in the query and over a browser
// form's policy, chunk by chunk over a body, and Amazon S3's old query signatures (Version 2).
//
// Source of the behaviour: AWS Identity and Access Management User Guide, "AWS Signature Version 4 for API requests";
// Amazon Simple Storage Service API Reference, "Authenticating Requests (AWS Signature Version 4)"; Amazon S3 User
// Guide, "Signing and authenticating REST requests (AWS signature version 2)".
//
// The way of a request: [Parse] finds which single form it uses, the caller looks the key id up, [Verify] checks scope,
// time, signed headers and the signature, [NewBody] gives the payload and checks what the signature promised of it.
//
// What differs from AWS, and why:
//   - every x-amz-* header must be signed for every service, not only for Amazon S3 (security: handlers see signed ones);
//   - repeated Authorization, date, token and content-hash headers, and repeated X-Amz-* query parameters, are refused;
//   - SignedHeaders must be lower case, sorted and without repetition, as AWS's documents ask and its servers do not;
//   - Signature Version 4A, Version 2 in a header, Version 2 forms and event streams are refused by name;
//   - Version 2 queries are for GET, HEAD and PUT with long-term keys only.
//
// It is not an authenticator: it knows no users, reads no clock, keeps nothing but derived keys, and does not judge the
// conditions of a form's policy (only its signature and expiration).
package sigv4
