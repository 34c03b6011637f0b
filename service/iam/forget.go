package iam

import "virga/internal/store"

// forget gives back an account's alias and the ids of its users and roles.
func forget(tx store.Tx, account string) {
	if alias, ok := tx.Get(accountAliasKey(account)); ok {
		tx.Delete(aliasKey(string(alias)))
	}
	tx.Range(store.Prefix(key(account, "i")), func(k store.Key, _ []byte) bool {
		tx.Delete(everyIDKey(k.StrPart(1)))
		return true
	})
}
