package seal

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// The two worked examples of the published specification of XAES-256-GCM.
func TestVectors(t *testing.T) {
	for _, c := range []struct {
		fill              byte
		plain, ad, sealed string
	}{
		{1, "XAES-256-GCM", "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
		{3, "XAES-256-GCM", "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
	} {
		x, err := newXAES(bytes.Repeat([]byte{c.fill}, 32))
		if err != nil {
			t.Fatal(err)
		}
		nonce := []byte("ABCDEFGHIJKLMNOPQRSTUVWX")
		a, err := x.derive(nonce[:12])
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(a.Seal(nil, nonce[12:], []byte(c.plain), []byte(c.ad))); got != c.sealed {
			t.Errorf("key of %d: %s, want %s", c.fill, got, c.sealed)
		}
	}
}
