package s3

import (
	"context"
	"errors"
	"time"
	"unicode/utf8"

	"virga/internal/blob"
	"virga/internal/env"
	"virga/internal/job"
	"virga/internal/store"
	"virga/internal/wire"
)

const (
	idDigits   = "0123456789abcdefghijklmnopqrstuv"
	idSeqChars = 13 // base 32 digits of a Seq
	versionLen = 32
)

// encodeSeq writes a number so that ids that begin with it sort as the numbers do.
func encodeSeq(n uint64) string {
	var b [idSeqChars]byte
	for i := idSeqChars - 1; i >= 0; i-- {
		b[i] = idDigits[n&31]
		n >>= 5
	}
	return string(b[:])
}

// decodeSeq reads the number at the start of an id.
func decodeSeq(id string) (n uint64, ok bool) {
	if len(id) < idSeqChars {
		return 0, false
	}
	for i := range idSeqChars {
		c := id[i]
		switch {
		case '0' <= c && c <= '9':
			n = n<<5 | uint64(c-'0')
		case 'a' <= c && c <= 'v':
			n = n<<5 | uint64(c-'a'+10)
		default:
			return 0, false
		}
	}
	return n, true
}

func checkKey(key string) error {
	switch {
	case len(key) > keyMax:
		return wire.Errorf("KeyTooLongError", 400, "Your key is too long").With("Size", itoa(int64(len(key)))).With("MaxSizeAllowed", itoa(keyMax))
	case !utf8.ValidString(key):
		return wire.Errorf("InvalidURI", 400, "Couldn't parse the specified URI.")
	}
	return nil
}

// shownVersion is the version id as answers carry it: none where the bucket never had versions.
func shownVersion(b *bucket, o *object) *string {
	if b.Versioning == "" && o.Version == "" {
		return nil
	}
	return wire.P(o.versionID())
}

// loadVersion reads one version of a key, the current one where id is nil; a delete marker is an error.
func loadVersion(r store.Reader, b *bucket, key string, id *string, method string) (*object, error) {
	o, _, err := versionAt(r, b, key, id, method)
	return o, err
}

func versionAt(r store.Reader, b *bucket, key string, id *string, method string) (*object, store.Key, error) {
	if wire.V(id) == "" {
		k := objectKey(b, key)
		o, ok := store.Load[object](r, k)
		switch {
		case !ok:
			return nil, nil, noKey(key)
		case o.Marker:
			return nil, nil, noKey(key).Header("x-amz-delete-marker", "true").Header("x-amz-version-id", o.versionID())
		}
		return o, k, nil
	}
	o, k, err := anyVersion(r, b, key, *id)
	if err != nil {
		return nil, nil, err
	}
	if o.Marker {
		return nil, nil, wire.Errorf("MethodNotAllowed", 405, "The specified method is not allowed against this resource.").With("Method", method).With("ResourceType", "DeleteMarker").
			Header("x-amz-delete-marker", "true").Header("x-amz-version-id", o.versionID()).Header("Allow", "DELETE").Header("Last-Modified", o.Modified.Format(httpTime))
	}
	return o, k, nil
}

const httpTime = "Mon, 02 Jan 2006 15:04:05 GMT"

// anyVersion reads one version of a key by its id, delete markers too.
func anyVersion(r store.Reader, b *bucket, key, id string) (*object, store.Key, error) {
	k := objectKey(b, key)
	cur, ok := store.Load[object](r, k)
	if ok && cur.versionID() == id {
		return cur, k, nil
	}
	var seq uint64
	switch {
	case id == "null":
		if ok {
			seq = cur.NullSeq
		}
	default:
		n, fine := decodeSeq(id)
		if !fine || len(id) != versionLen {
			return nil, nil, badVersion(id)
		}
		seq = n
	}
	if ok && seq != 0 {
		k := versionKey(b, key, seq)
		if o, ok := store.Load[object](r, k); ok && o.versionID() == id {
			return o, k, nil
		}
	}
	return nil, nil, noVersion(key, id)
}

// putVersion makes o the current version of a key, as the bucket's versioning wants. random is what its version id ends in,
// drawn before the transaction.
func putVersion(tx store.Tx, b *bucket, key string, cur, o *object, random string, now time.Time) {
	o.Seq, o.NullSeq, o.Version = uint64(now.UnixNano()), 0, ""
	if cur != nil && cur.Seq >= o.Seq {
		o.Seq = cur.Seq + 1
	}
	if b.Versioning == "Enabled" {
		o.Version = encodeSeq(o.Seq) + random
	}
	switch {
	case cur == nil:
	case b.Versioning == "Enabled":
		o.NullSeq = cur.NullSeq
		if cur.Version == "" {
			o.NullSeq = cur.Seq
		}
		shelve(tx, b, key, cur)
	case cur.Version == "": // the null version is replaced
		discard(tx, b, cur, now)
	default:
		if cur.NullSeq != 0 {
			k := versionKey(b, key, cur.NullSeq)
			if old, ok := store.Load[object](tx, k); ok {
				discard(tx, b, old, now)
				tx.Delete(k)
			}
		}
		shelve(tx, b, key, cur)
	}
	store.Put(tx, objectKey(b, key), o)
}

// shelve puts a current version among the older ones.
func shelve(tx store.Tx, b *bucket, key string, cur *object) {
	old := *cur
	old.NullSeq = 0
	store.Put(tx, versionKey(b, key, old.Seq), &old)
}

// remove takes one version away for good; the newest of the others becomes the current one.
func remove(tx store.Tx, b *bucket, key string, o *object, at store.Key, now time.Time) {
	discard(tx, b, o, now)
	tx.Delete(at)
	k := objectKey(b, key)
	if string(at) != string(k) {
		if o.Version == "" {
			if cur, ok := store.Load[object](tx, k); ok {
				cur.NullSeq = 0
				store.Put(tx, k, cur)
			}
		}
		return
	}
	var next *object
	var from store.Key
	store.Each(tx, store.Prefix(versionsOf(b, key)), func(k store.Key, v *object) bool {
		next, from = v, append(store.Key{}, k...)
		return false
	})
	if next == nil {
		return
	}
	if next.Version != "" {
		next.NullSeq = o.NullSeq
	}
	tx.Delete(from)
	store.Put(tx, k, next)
}

const (
	dropKind    = "s3.drop"    // id: data id of the garbage row
	uploadsKind = "s3.uploads" // id: bucket id of a deleted bucket
	dropInline  = 30           // pieces dropped in the transaction that frees them
	dropBatch   = 1000
)

// discard frees an object's bytes in the transaction that removes its record.
func discard(tx store.Tx, b *bucket, o *object, now time.Time) {
	if o.Parts == "" {
		dropPiece(tx, b.Account, o.Piece, now)
		return
	}
	k := partListKey(b.Account, o.Parts)
	if l, ok := store.Load[partList](tx, k); ok {
		pieces := make([]piece, len(l.Parts))
		for i := range l.Parts {
			pieces[i] = l.Parts[i].Piece
		}
		dropPieces(tx, b, o.Parts, pieces, now)
	}
	tx.Delete(k)
}

func dropPiece(tx store.Tx, account string, p piece, now time.Time) {
	if p.Data != "" {
		tx.Delete(dataKey(account, p.Data))
	}
	blob.Drop(tx, account, p.ref(), now)
}

// dropPieces frees some pieces at once and leaves the others to a job. id names what they belonged to.
func dropPieces(tx store.Tx, b *bucket, id string, pieces []piece, now time.Time) {
	for len(pieces) > 0 && len(pieces) <= dropInline {
		dropPiece(tx, b.Account, pieces[0], now)
		pieces = pieces[1:]
	}
	if len(pieces) > 0 {
		store.Put(tx, garbageKey(b.Account, id), &garbage{Pieces: pieces})
		job.At(tx, b.Account, b.Region, dropKind, id, now, nil)
	}
}

// drop frees the pieces of a garbage row, a batch at a time.
type drop struct{}

// Step implements job.Kind.
func (drop) Step(tx store.Tx, j *job.Job, now time.Time) ([]job.Effect, job.Next, error) {
	k := garbageKey(j.Account, j.ID)
	g, ok := store.Load[garbage](tx, k)
	if !ok {
		return nil, job.End, nil
	}
	n := min(len(g.Pieces), dropBatch)
	for _, p := range g.Pieces[:n] {
		dropPiece(tx, j.Account, p, now)
	}
	g.Pieces = g.Pieces[n:]
	if len(g.Pieces) == 0 {
		tx.Delete(k)
		return nil, job.End, nil
	}
	store.Put(tx, k, g)
	return nil, job.Next{At: now}, nil
}

// Do implements job.Kind.
func (drop) Do(context.Context, job.Job, job.Effect) job.Result { return job.Result{} }

// Settle implements job.Kind.
func (drop) Settle(store.Tx, *job.Job, []job.Result, time.Time) (job.Next, error) {
	return job.End, nil
}

// dropUploads frees the uploads that a deleted bucket had under way.
type dropUploads struct{ drop }

// Step implements job.Kind.
func (dropUploads) Step(tx store.Tx, j *job.Job, now time.Time) ([]job.Effect, job.Next, error) {
	b := &bucket{Account: j.Account, ID: j.ID, Region: j.Region}
	var k store.Key
	var id string
	store.Each(tx, store.Prefix(uploadsOf(b)), func(at store.Key, u *upload) bool {
		k, id = append(store.Key{}, at...), u.ID
		return false
	})
	if k == nil {
		return nil, job.End, nil
	}
	dropUpload(tx, b, id, now)
	tx.Delete(k)
	return nil, job.Next{At: now}, nil
}

// dropUpload removes the parts of an upload.
func dropUpload(tx store.Tx, b *bucket, id string, now time.Time) {
	var pieces []piece
	of := partsOf(b.Account, id)
	store.Each(tx, store.Prefix(of), func(_ store.Key, p *part) bool {
		pieces = append(pieces, p.Piece)
		return true
	})
	if len(pieces) > 0 {
		tx.DeleteRange(of, of.End())
		dropPieces(tx, b, id, pieces, now)
	}
}

// newID draws an id for a row of data.
func (s *Service) newID() string { return env.NewName(s.cfg.Env, env.AlnumLow, 24) }

// hide answers 403 where a caller who may not list the bucket would learn that something is missing.
func (s *Service) hide(ctx context.Context, b *bucket, err error) error {
	var e *wire.Error
	if err != nil && errors.As(err, &e) && (e.Code == "NoSuchKey" || e.Code == "NoSuchVersion") {
		return s.missing(ctx, b, err)
	}
	return err
}
