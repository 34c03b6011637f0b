// Package egress is the only door out: every connection that the server makes to an address somebody else chose, and
// every connection of a sandbox, goes through a Dialer. It resolves a name once, checks each address, and dials an
// address that it has checked, so a name that changes its mind gains nothing; each redirect of an HTTP client is a
// new check.
//
// Never reached, unless the operator's rules name them: loopback, private, link-local, shared (CGNAT), multicast,
// reserved and unspecified addresses, addresses that carry another one inside (mapped, compatible, 6to4, Teredo,
// NAT64), and this machine's own.
//
// A Gateway serves the two surfaces by which a sandbox of the namespace kind meets the network: redirected TCP
// connections and DNS, where AWS's names lead to the endpoint. An Authority makes the certificates under which the
// endpoint answers for those names.
//
// It is not the front (which serves what comes in), and it looks into no protocol but DNS.
package egress
