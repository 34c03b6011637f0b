package main

import (
	"strings"
	"testing"
)

func TestListenBeyondLoopback(t *testing.T) {
	for name, c := range map[string]struct {
		s    serveCmd
		want string // in the refusal; "" = none
	}{
		"loopback":                    {serveCmd{Listen: "127.0.0.1:4566", Dev: true}, ""},
		"loopback of IPv6":            {serveCmd{Listen: "[::1]:4566", Dev: true}, ""},
		"everywhere, TLS":             {serveCmd{Listen: "0.0.0.0:4566"}, ""},
		"everywhere by no address":    {serveCmd{Listen: ":4566"}, ""},
		"development keys":            {serveCmd{Listen: "0.0.0.0:4566", Dev: true}, "--dev-allow"},
		"development keys, named":     {serveCmd{Listen: "0.0.0.0:4566", Dev: true, DevAllow: []string{"172.17.0.0/16"}}, ""},
		"plain for nobody":            {serveCmd{Listen: "0.0.0.0:4566", PlainHTTP: true}, "--trusted-proxy"},
		"plain for a proxy":           {serveCmd{Listen: "0.0.0.0:4566", PlainHTTP: true, TrustedProxy: []string{"10.0.0.1/32"}}, ""},
		"plain for a proxy, dev keys": {serveCmd{Listen: "0.0.0.0:4566", PlainHTTP: true, TrustedProxy: []string{"10.0.0.1/32"}, Dev: true}, "--dev-allow"},
		"networks without dev":        {serveCmd{Listen: "0.0.0.0:4566", DevAllow: []string{"172.17.0.0/16"}}, "--dev only"},
		"a certificate without a key": {serveCmd{Listen: "127.0.0.1:4566", TLSCert: "c.pem"}, "belong together"},
		"a name":                      {serveCmd{Listen: "example.com:4566", Dev: true}, "--dev-allow"},
	} {
		err := c.s.check()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
