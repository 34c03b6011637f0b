package s3

import (
	"hash/fnv"
	"strconv"
	"time"

	"virga/internal/blob"
	"virga/internal/store"
)

// Keys, all in FamilyS3 ‖ 0:
//
//	SystemAccount ‖ "n" ‖ name → bucketName: names are one space for all accounts
//	account ‖ "b" ‖ name → bucket
//	account ‖ "o" ‖ bucket id ‖ key → object: the current version of a key, a delete marker included
//	account ‖ "v" ‖ bucket id ‖ key ‖ ^seq → object: the versions before it, newest first
//	account ‖ "d" ‖ data id → bytes that are too few for a file
//	account ‖ "m" ‖ data id → partList: the parts of an object uploaded in parts
//	account ‖ "u" ‖ bucket id ‖ key ‖ upload id → upload
//	account ‖ "p" ‖ upload id ‖ part number → part
//	account ‖ "g" ‖ data id → garbage: pieces that a job drops
//
// A key that has any version has a current one. Bucket ids and upload ids are never used again, unlike names.

// bucketName says whose a bucket is.
type bucketName struct {
	Account string `rec:"1"`
	Region  string `rec:"2"`
	ID      string `rec:"3"`
	Unknown store.Unknown
}

// bucket is a bucket's record.
type bucket struct {
	Name       string            `rec:"1"`
	ID         string            `rec:"2"`
	Account    string            `rec:"3"`
	Region     string            `rec:"4"`
	Created    time.Time         `rec:"5"`
	Versioning string            `rec:"6"` // "", "Enabled", "Suspended"
	Tags       map[string]string `rec:"7"`
	Policy     string            `rec:"8"`
	Block      block             `rec:"9"`
	HasBlock   bool              `rec:"10"`
	Ownership  string            `rec:"11"` // "" = the controls were deleted
	BucketKey  bool              `rec:"12"`
	Location   string            `rec:"13"` // the constraint as given
	Public     bool              `rec:"14"` // the policy is public
	CORS       []corsRule        `rec:"15"`
	Lifecycle  []lifecycleRule   `rec:"16"`
	KMS        bool              `rec:"17"` // objects are named as sealed with the key alias/aws/s3
	Unknown    store.Unknown
}

// block is a public access block.
type block struct {
	ACLs     bool `rec:"1"` // BlockPublicAcls
	Ignore   bool `rec:"2"` // IgnorePublicAcls
	Policy   bool `rec:"3"` // BlockPublicPolicy
	Restrict bool `rec:"4"` // RestrictPublicBuckets
}

// piece is where bytes are: in a blob, in a row of their own, or nowhere where there are none.
type piece struct {
	Blob string `rec:"1"`
	Data string `rec:"2"` // data id
	Size int64  `rec:"3"`
}

func (p piece) ref() blob.Ref { return blob.Ref{ID: p.Blob, Size: p.Size} }

// headers are what an object keeps of the request that made it.
type headers struct {
	Type        string            `rec:"1"`
	Encoding    string            `rec:"2"`
	Language    string            `rec:"3"`
	Disposition string            `rec:"4"`
	Cache       string            `rec:"5"`
	Expires     string            `rec:"6"`
	Redirect    string            `rec:"7"`
	Class       string            `rec:"8"` // "" = STANDARD
	Meta        map[string]string `rec:"9"`
	BucketKey   bool              `rec:"10"`
	KMS         bool              `rec:"11"`
}

// object is one version of a key.
type object struct {
	Version  string            `rec:"1"` // "" = null
	Seq      uint64            `rec:"2"` // order of the versions of a key; rises
	NullSeq  uint64            `rec:"3"` // of the current version: where the null version is among the older ones, 0 = nowhere
	Marker   bool              `rec:"4"`
	Size     int64             `rec:"5"`
	ETag     string            `rec:"6"` // without quotes
	Modified time.Time         `rec:"7"`
	Piece    piece             `rec:"8"`
	Parts    string            `rec:"9"` // data id of the part list, "" = one piece
	Count    int64             `rec:"10"`
	Algo     uint8             `rec:"11"` // checksum.Algorithm
	Sum      string            `rec:"12"` // as headers carry it
	Compose  bool              `rec:"13"` // the checksum is of type COMPOSITE
	Headers  headers           `rec:"14"`
	Tags     map[string]string `rec:"15"`
	Upload   string            `rec:"16"` // the upload it came from
	Unknown  store.Unknown
}

func (o *object) versionID() string {
	if o.Version == "" {
		return "null"
	}
	return o.Version
}

// part is a part of an upload, or of an object that was uploaded so.
type part struct {
	Number   int64     `rec:"1"`
	Piece    piece     `rec:"2"`
	MD5      []byte    `rec:"3"`
	Sum      []byte    `rec:"4"`
	Modified time.Time `rec:"5"`
	Unknown  store.Unknown
}

type partList struct {
	Parts   []part `rec:"1"`
	Unknown store.Unknown
}

// upload is a multipart upload under way.
type upload struct {
	ID        string            `rec:"1"`
	Initiated time.Time         `rec:"2"`
	Headers   headers           `rec:"3"`
	Tags      map[string]string `rec:"4"`
	Algo      uint8             `rec:"5"` // 0 = the default, which is not named
	Compose   bool              `rec:"6"`
	Base      uint64            `rec:"7"` // Seq of the key's current version then
	Initiator string            `rec:"8"` // ARN
	Unknown   store.Unknown
}

type garbage struct {
	Pieces  []piece `rec:"1"`
	Unknown store.Unknown
}

func root(account, kind string) store.Key {
	return store.K(store.FamilyS3, 0, account).Str(kind)
}

func nameKey(name string) store.Key            { return root(store.SystemAccount, "n").Str(name) }
func bucketsOf(account string) store.Key       { return root(account, "b") }
func bucketKey(account, name string) store.Key { return root(account, "b").Str(name) }
func objectsOf(b *bucket) store.Key            { return root(b.Account, "o").Str(b.ID) }
func objectKey(b *bucket, key string) store.Key {
	return objectsOf(b).Str(key)
}
func versionsOf(b *bucket, key string) store.Key { return root(b.Account, "v").Str(b.ID).Str(key) }
func versionKey(b *bucket, key string, seq uint64) store.Key {
	return versionsOf(b, key).Uint(^seq)
}
func dataKey(account, id string) store.Key          { return root(account, "d").Str(id) }
func partListKey(account, id string) store.Key      { return root(account, "m").Str(id) }
func garbageKey(account, id string) store.Key       { return root(account, "g").Str(id) }
func uploadsOf(b *bucket) store.Key                 { return root(b.Account, "u").Str(b.ID) }
func uploadKey(b *bucket, key, id string) store.Key { return uploadsOf(b).Str(key).Str(id) }
func partsOf(account, upload string) store.Key      { return root(account, "p").Str(upload) }
func partKey(account, upload string, n int64) store.Key {
	return partsOf(account, upload).Uint(uint64(n))
}

// tail reads the string part that follows a prefix, without the parts before it.
func tail(k store.Key, prefix int) string {
	b := k[prefix+1:]
	plain := true
	for i := 0; i < len(b); i++ {
		if b[i] != 0 {
			continue
		}
		if i+1 < len(b) && b[i+1] == 0xff {
			plain = false
			i++
			continue
		}
		b = b[:i]
		break
	}
	if plain {
		return string(b)
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		out = append(out, b[i])
		if b[i] == 0 {
			i++
		}
	}
	return string(out)
}

// scope is the epoch under which a bucket's record is cached.
func scope(name string) string {
	h := fnv.New32a()
	h.Write([]byte(name))
	return "s3/" + strconv.Itoa(int(h.Sum32()%64))
}
