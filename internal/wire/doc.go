// Package wire turns AWS's protocols (query, json 1.0 and 1.1, rest-json, rest-xml, cbor) into typed calls and
// typed answers into bytes: one codec per protocol, over schemas that package api/<service> carries.
// It knows no service, no policy and no storage.
package wire
