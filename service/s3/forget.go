package s3

import "virga/internal/store"

// forget gives back the names of an account's buckets.
func forget(tx store.Tx, account string) {
	p := bucketsOf(account)
	tx.Range(store.Prefix(p), func(k store.Key, _ []byte) bool {
		tx.Delete(nameKey(tail(k, len(p))))
		return true
	})
}
