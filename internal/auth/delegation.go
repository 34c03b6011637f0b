package auth

import (
	"time"

	"virga/internal/store"
	"virga/internal/wire"
)

// Delegation is whose authority a later step uses: the caller as authentication found it when the step was asked for.
// It is kept in the step's own record, which the store seals, and every call made with it is authorised anew: a user or
// role that is gone, or whose policies changed, has what it has then.
type Delegation struct {
	Type           string    `rec:"1"`
	ARN            string    `rec:"2"`
	ID             string    `rec:"3"`
	Account        string    `rec:"4"`
	AccessKey      string    `rec:"5"`
	HasSession     bool      `rec:"6"`
	Issuer         string    `rec:"7"`
	Policies       []string  `rec:"8"`
	PolicyARNs     []string  `rec:"9"`
	Tags           []Tag     `rec:"10"`
	TransitiveTags []string  `rec:"11"`
	SourceIdentity string    `rec:"12"`
	IssuedAt       time.Time `rec:"13"`
	ExpiresAt      time.Time `rec:"14"` // of the session; a step goes on beyond it, up to Until
	Until          time.Time `rec:"15"` // no call is made with it afterwards
	Unknown        store.Unknown
}

// DelegationFor is how long a delegation may be used.
const DelegationFor = 36 * time.Hour

// Delegate keeps a caller for later. A service principal cannot be delegated.
func Delegate(p wire.Principal, now time.Time) Delegation {
	d := Delegation{Type: p.Type, ARN: p.ARN, ID: p.ID, Account: p.Account, AccessKey: p.AccessKey, Until: now.Add(DelegationFor)}
	if s := p.Session; s != nil {
		d.HasSession, d.Issuer, d.Policies, d.PolicyARNs, d.TransitiveTags = true, s.Issuer, s.Policies, s.PolicyARNs, s.TransitiveTags
		d.SourceIdentity, d.IssuedAt, d.ExpiresAt = s.SourceIdentity, s.IssuedAt, s.ExpiresAt
		for k, v := range s.Tags {
			d.Tags = append(d.Tags, Tag{k, v})
		}
	}
	return d
}

// Principal gives the caller back, nobody where the delegation is over.
func (d *Delegation) Principal(now time.Time) wire.Principal {
	if d.Type == "" || d.Type == "Service" || d.Type == "Anonymous" || now.After(d.Until) {
		return wire.Principal{}
	}
	p := wire.Principal{Type: d.Type, ARN: d.ARN, ID: d.ID, Account: d.Account, AccessKey: d.AccessKey}
	if d.HasSession {
		s := &wire.Session{Issuer: d.Issuer, Policies: d.Policies, PolicyARNs: d.PolicyARNs, Tags: map[string]string{}, TransitiveTags: d.TransitiveTags,
			SourceIdentity: d.SourceIdentity, IssuedAt: d.IssuedAt, ExpiresAt: d.ExpiresAt}
		for _, t := range d.Tags {
			s.Tags[t.Key] = t.Value
		}
		p.Session = s
	}
	return p
}
