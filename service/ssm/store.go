package ssm

import (
	"time"

	"virga/internal/store"
)

// Keys: FamilySSM ‖ 0 ‖ account ‖ "p" ‖ region ‖ name → parameter (the newest version);  FamilySSM ‖ 0 ‖ account ‖ "h" ‖
// region ‖ name ‖ version → version.

// parameter is a parameter's record.
type parameter struct {
	Name    string            `rec:"1"`
	Version int64             `rec:"2"`
	Oldest  int64             `rec:"3"` // oldest version kept
	Labels  map[string]string `rec:"4"` // label → version, decimal
	Tags    map[string]string `rec:"5"`
	Now     version           `rec:"6"` // the newest version
	Created time.Time         `rec:"7"`
	Unknown store.Unknown
}

// version is one version of a parameter.
type version struct {
	Number   int64     `rec:"1"`
	Type     string    `rec:"2"`
	Value    string    `rec:"3"`
	Desc     string    `rec:"4"`
	Pattern  string    `rec:"5"`
	Tier     string    `rec:"6"`
	DataType string    `rec:"7"`
	At       time.Time `rec:"8"`
	By       string    `rec:"9"`
	KeyID    string    `rec:"10"`
	Unknown  store.Unknown
}

func parameterKey(account, region, name string) store.Key {
	return store.K(store.FamilySSM, 0, account).Str("p").Str(region).Str(name)
}

func parametersOf(account, region string) store.Key {
	return store.K(store.FamilySSM, 0, account).Str("p").Str(region)
}

func versionsOf(account, region, name string) store.Key {
	return store.K(store.FamilySSM, 0, account).Str("h").Str(region).Str(name)
}

func versionKey(account, region, name string, n int64) store.Key {
	return versionsOf(account, region, name).Uint(uint64(n))
}
