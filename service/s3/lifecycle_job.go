package s3

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"virga/internal/job"
	"virga/internal/store"
)

const (
	lifecycleKind = "s3.lifecycle" // id: bucket id
	sweepKeys     = 100            // keys looked at in one step
	sweepRemovals = 60             // versions and uploads removed in one step
)

// sweepState is how far a round over a bucket is.
type sweepState struct {
	Name    string
	Uploads bool   // the objects are done
	After   string // key behind which it goes on
	Upload  string // upload id, with Uploads
}

func (s sweepState) bytes() []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings and a truth value
	}
	return b
}

// sweep carries out lifecycle rules, once a day.
type sweep struct{ drop }

// Step implements job.Kind.
func (sweep) Step(tx store.Tx, j *job.Job, now time.Time) ([]job.Effect, job.Next, error) {
	var st sweepState
	if json.Unmarshal(j.Payload, &st) != nil {
		return nil, job.End, nil
	}
	b, ok := store.Load[bucket](tx, bucketKey(j.Account, st.Name))
	if !ok || b.ID != j.ID || len(b.Lifecycle) == 0 {
		return nil, job.End, nil
	}
	more := false
	if st.Uploads {
		more = sweepUploads(tx, b, &st, now)
	} else if more = sweepObjects(tx, b, &st, now); !more {
		st, more = sweepState{Name: st.Name, Uploads: true}, true
	}
	if more {
		return nil, job.Next{At: now, Payload: st.bytes()}, nil
	}
	return nil, job.Next{At: after(now, 0).Add(time.Second), Payload: sweepState{Name: st.Name}.bytes()}, nil
}

type keyed struct {
	key string
	o   *object
}

func sweepObjects(tx store.Tx, b *bucket, st *sweepState, now time.Time) (more bool) {
	of := objectsOf(b)
	span := store.Prefix(of)
	if st.After != "" {
		span.From = append(of.Str(st.After), 0)
	}
	var page []keyed
	store.Each(tx, span, func(k store.Key, o *object) bool {
		page = append(page, keyed{tail(k, len(of)), o})
		return len(page) < sweepKeys
	})
	budget := sweepRemovals
	for _, x := range page {
		if !expireKey(tx, b, x.key, x.o, now, &budget) {
			return true // the same key again
		}
		st.After = x.key
	}
	return len(page) == sweepKeys
}

// expireKey applies the rules to a key's versions; it tells whether it got through with them.
func expireKey(tx store.Tx, b *bucket, key string, cur *object, now time.Time, budget *int) bool {
	left := 0
	if b.Versioning != "" {
		var old []keyed
		store.Each(tx, store.Prefix(versionsOf(b, key)), func(k store.Key, o *object) bool {
			old = append(old, keyed{string(k), o})
			return len(old) < 2*pageMax
		})
		since := cur.Modified // when its successor came
		for i, x := range old {
			gone := false
			for r := range b.Lifecycle {
				l := &b.Lifecycle[r]
				gone = gone || l.NonDays > 0 && int64(i) >= l.NonKeep && l.matches(key, x.o) && !after(since, l.NonDays).After(now)
			}
			since = x.o.Modified
			if !gone {
				left++
				continue
			}
			if *budget == 0 {
				return false
			}
			*budget--
			remove(tx, b, key, x.o, store.Key(x.key), now)
			if x.o.Version == "" {
				cur.NullSeq = 0
			}
		}
	}
	if *budget == 0 {
		return false
	}
	if cur.Marker {
		for r := range b.Lifecycle {
			l := &b.Lifecycle[r]
			due := l.Markers || l.Days > 0 && !after(cur.Modified, l.Days).After(now)
			if left == 0 && due && l.matches(key, cur) {
				*budget--
				remove(tx, b, key, cur, objectKey(b, key), now)
				return true
			}
		}
		return true
	}
	at, _ := b.expires(key, cur)
	if at.IsZero() || at.After(now) {
		return true
	}
	*budget--
	if b.Versioning == "" {
		remove(tx, b, key, cur, objectKey(b, key), now)
		return true
	}
	// A step may draw nothing by chance: the id follows from what it is for.
	h := sha256.Sum256([]byte(b.ID + "\x00" + key + "\x00" + encodeSeq(cur.Seq)))
	putVersion(tx, b, key, cur, &object{Marker: true, Modified: now.Truncate(time.Second)}, hex.EncodeToString(h[:])[:versionLen-idSeqChars], now)
	return true
}

func sweepUploads(tx store.Tx, b *bucket, st *sweepState, now time.Time) (more bool) {
	of := uploadsOf(b)
	span := store.Prefix(of)
	if st.Upload != "" {
		span.From = store.After(of, uploadKey(b, st.After, st.Upload)).From
	}
	type one struct {
		k   store.Key
		key string
		u   *upload
	}
	var page []one
	store.Each(tx, span, func(k store.Key, u *upload) bool {
		page = append(page, one{append(store.Key{}, k...), tail(k, len(of)), u})
		return len(page) < sweepRemovals
	})
	for _, x := range page {
		for r := range b.Lifecycle {
			l := &b.Lifecycle[r]
			if l.Abort > 0 && l.matches(x.key, &object{}) && !after(x.u.Initiated, l.Abort).After(now) {
				dropUpload(tx, b, x.u.ID, now)
				tx.Delete(x.k)
				break
			}
		}
		st.After, st.Upload = x.key, x.u.ID
	}
	return len(page) == sweepRemovals
}
