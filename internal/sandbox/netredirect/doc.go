// Package netredirect lays out the network namespace of a sandbox: loopback only, a default route through it, and
// a packet rule that leads every outbound TCP connection and every DNS question to listeners which the host
// process serves. Unmodified connect() and getaddrinfo() therefore work inside, and the egress policy decides
// outside, with the address the code wanted.
//
// Everything is sent as netlink messages that are encoded once (Plan) and replayed per namespace (Apply), so a
// sandbox costs a few system calls. Other UDP and ICMP are refused at once with "administratively prohibited".
//
// It is not the egress policy, not a DNS server, and it moves no bytes.
package netredirect
