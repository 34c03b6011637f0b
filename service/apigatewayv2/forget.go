package apigatewayv2

import "virga/internal/store"

// forget gives back the ids of an account's APIs.
func forget(tx store.Tx, account string) {
	tx.Range(store.Prefix(store.K(store.FamilyAPIGatewayV2, 0, account).Str("a")), func(k store.Key, _ []byte) bool {
		tx.Delete(ownerKey(k.StrPart(2)))
		return true
	})
}
