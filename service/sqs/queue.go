package sqs

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	sqsapi "virga/api/sqs"
	"virga/internal/env"
	"virga/internal/job"
	"virga/internal/store"
	"virga/internal/wire"
)

// Limits of queues (Amazon SQS Developer Guide, Standard queue quotas).
const (
	nameMax      = 80
	tagsMax      = 50
	listMax      = 1000
	purgeEvery   = 60 * time.Second
	statementMax = 20
)

func validName(n string) bool {
	if n == "" || len(n) > nameMax {
		return false
	}
	for i := range len(n) {
		c := n[i]
		if c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// CreateQueue implements the operation.
func (s *Service) CreateQueue(ctx context.Context, in *sqsapi.CreateQueueInput) (*sqsapi.CreateQueueOutput, error) {
	c := wire.CallOf(ctx)
	name := in.QueueName
	if in.QueueName == "" {
		return nil, missing("QueueName")
	}
	if strings.HasSuffix(name, ".fifo") && in.Attributes["FifoQueue"] == "true" {
		return nil, wire.Unsupported("CreateQueue" + ": " + "FifoQueue=true (FIFO queues)")
	}
	if !validName(name) {
		return nil, wire.Errorf("InvalidParameterValue", 400, "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	now := s.cfg.Env.Now()
	q := &queue{Name: name, ID: env.NewID(s.cfg.Env), Account: c.Account, Region: c.Region, Created: now, Modified: now, Tags: in.Tags,
		MaxSize: sizeDefault, Retention: retentionDefault, Visibility: visibilityDefault}
	if err := s.apply(ctx, q, in.Attributes, true); err != nil {
		return nil, err
	}
	k := queueKey(q.Account, q.Region, name)
	err := s.cfg.Store.Update(ctx, []store.Key{k}, func(tx store.Tx) error {
		if old, ok := store.Load[queue](tx, k); ok {
			if c.EffectID != "" { // a stack makes its queues and takes over no other
				if id, done := job.Once(tx, c.Account, c.EffectID); done && string(id) == old.ID {
					return nil
				}
				return wire.Errorf("AlreadyExists", 409, "Resource of type 'AWS::SQS::Queue' with identifier '%s' already exists.", name)
			}
			if differs, ok := same(old, q, in.Attributes); !ok {
				return &sqsapi.QueueNameExists{Message: "A queue already exists with the same name and a different value for attribute " + differs}
			}
			return nil
		}
		store.Put(tx, k, q)
		tx.Bump(queueScope(q.Account))
		scheduleRetention(tx, q, now)
		job.Finish(tx, c.Account, c.EffectID, now, []byte(q.ID))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &sqsapi.CreateQueueOutput{QueueUrl: wire.P(queueURL(c, q))}, nil
}

// CreateQueueRequires implements the operation's requirements.
func (s *Service) CreateQueueRequires(ctx context.Context, in *sqsapi.CreateQueueInput, r *wire.Requirements) error {
	c := wire.CallOf(ctx)
	r.Need("sqs:CreateQueue", "arn:aws:sqs:"+c.Region+":"+c.Account+":"+in.QueueName)
	if len(in.Tags) > 0 {
		r.Need("sqs:TagQueue", "arn:aws:sqs:"+c.Region+":"+c.Account+":"+in.QueueName)
	}
	return nil
}

// change reads a queue, has fn change a copy of it, and writes the copy if nobody changed the queue meanwhile.
func (s *Service) change(ctx context.Context, url string, fn func(q *queue) error) error {
	for range 10 {
		old, err := s.byURL(ctx, url)
		if err != nil {
			return err
		}
		q := *old
		if err := fn(&q); err != nil {
			return err
		}
		q.Modified = s.cfg.Env.Now()
		k := queueKey(q.Account, q.Region, q.Name)
		err = s.cfg.Store.Update(ctx, []store.Key{k}, func(tx store.Tx) error {
			cur, ok := store.Load[queue](tx, k)
			if !ok || cur.ID != q.ID {
				return noQueue()
			}
			if !cur.Modified.Equal(old.Modified) || cur.Generation != old.Generation {
				return errStale
			}
			store.Put(tx, k, &q)
			tx.Bump(queueScope(q.Account))
			return nil
		})
		if !errors.Is(err, errStale) {
			return err
		}
	}
	return translate(errStale)
}

// DeleteQueue implements the operation.
func (s *Service) DeleteQueue(ctx context.Context, in *sqsapi.DeleteQueueInput) (*sqsapi.DeleteQueueOutput, error) {
	q, err := s.byURL(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	k := queueKey(q.Account, q.Region, q.Name)
	now := s.cfg.Env.Now()
	err = s.cfg.Store.Update(ctx, []store.Key{k}, func(tx store.Tx) error {
		cur, ok := store.Load[queue](tx, k)
		if !ok || cur.ID != q.ID {
			return noQueue()
		}
		tx.Delete(k)
		tx.Bump(queueScope(q.Account))
		job.Cancel(tx, q.Account, retainKind, q.ID)
		for g := uint64(0); g <= cur.Generation; g++ {
			if g == cur.Generation {
				discardLater(tx, cur, g, now)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.eng.mu.Lock()
	delete(s.eng.indexes, q.ID)
	s.eng.mu.Unlock()
	s.cfg.Env.Wake(messageTopic(q.ID))
	return &sqsapi.DeleteQueueOutput{}, nil
}

// DeleteQueueRequires implements the operation's requirements.
func (s *Service) DeleteQueueRequires(ctx context.Context, in *sqsapi.DeleteQueueInput, r *wire.Requirements) error {
	return s.need(ctx, r, in.QueueUrl, "DeleteQueue")
}

// PurgeQueue implements the operation.
func (s *Service) PurgeQueue(ctx context.Context, in *sqsapi.PurgeQueueInput) (*sqsapi.PurgeQueueOutput, error) {
	q, err := s.byURL(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	k := queueKey(q.Account, q.Region, q.Name)
	now := s.cfg.Env.Now()
	err = s.cfg.Store.Update(ctx, []store.Key{k}, func(tx store.Tx) error {
		cur, ok := store.Load[queue](tx, k)
		if !ok || cur.ID != q.ID {
			return noQueue()
		}
		if !cur.Purged.IsZero() && now.Sub(cur.Purged) < purgeEvery {
			return &sqsapi.PurgeQueueInProgress{Message: "Only one PurgeQueue operation on " + q.Name + " is allowed every 60 seconds."}
		}
		discardLater(tx, cur, cur.Generation, now)
		cur.Generation++
		cur.Purged = now
		store.Put(tx, k, cur)
		tx.Bump(queueScope(q.Account))
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.eng.forget(q)
	return &sqsapi.PurgeQueueOutput{}, nil
}

// PurgeQueueRequires implements the operation's requirements.
func (s *Service) PurgeQueueRequires(ctx context.Context, in *sqsapi.PurgeQueueInput, r *wire.Requirements) error {
	return s.need(ctx, r, in.QueueUrl, "PurgeQueue")
}

// GetQueueUrl implements the operation.
func (s *Service) GetQueueUrl(ctx context.Context, in *sqsapi.GetQueueUrlInput) (*sqsapi.GetQueueUrlOutput, error) {
	c := wire.CallOf(ctx)
	if in.QueueName == "" {
		return nil, missing("QueueName")
	}
	q, err := s.find(ctx, wire.Or(in.QueueOwnerAWSAccountId, c.Account), c.Region, in.QueueName)
	if err != nil {
		return nil, err
	}
	return &sqsapi.GetQueueUrlOutput{QueueUrl: wire.P(queueURL(c, q))}, nil
}

// GetQueueUrlRequires implements the operation's requirements.
func (s *Service) GetQueueUrlRequires(ctx context.Context, in *sqsapi.GetQueueUrlInput, r *wire.Requirements) error {
	account := wire.Or(in.QueueOwnerAWSAccountId, wire.CallOf(ctx).Account)
	if len(account) != 12 || strings.Trim(account, "0123456789") != "" {
		return invalid(account, "QueueOwnerAWSAccountId", "Must be an account id.")
	}
	return s.needQueue(ctx, r, account, in.QueueName, "GetQueueUrl")
}

// page walks an account's queues of a region in the order of their names.
func (s *Service) page(ctx context.Context, account, region, use string, token *string, maxResults *int32, keep func(q *queue) bool) (found []*queue, next *string, err error) {
	limit := listMax
	if maxResults != nil {
		if *maxResults < 1 || *maxResults > listMax {
			return nil, nil, invalid(*maxResults, "MaxResults", "MaxResults must be an integer between 1 and 1000.")
		}
		limit = int(*maxResults)
	}
	after := ""
	if token != nil && *token != "" {
		if maxResults == nil {
			return nil, nil, invalid(*token, "NextToken", "MaxResults is a mandatory parameter when you provide a value for NextToken.")
		}
		b, ok := s.open(account, use, *token)
		if !ok {
			return nil, nil, invalid(*token, "NextToken", "Invalid or expired next token.")
		}
		after = string(b)
	}
	more := false
	err = s.cfg.Store.View(ctx, func(r store.Reader) error {
		found, more = nil, false
		span := store.Prefix(queuesOf(account, region))
		if after != "" {
			span = store.After(queuesOf(account, region), queueKey(account, region, after))
		}
		store.Each(r, span, func(_ store.Key, q *queue) bool {
			if !keep(q) {
				return true
			}
			if len(found) == limit {
				more = true
				return false
			}
			found = append(found, q)
			return true
		})
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if more && maxResults != nil {
		t, err := s.seal(account, use, []byte(found[len(found)-1].Name))
		if err != nil {
			return nil, nil, err
		}
		next = &t
	}
	return found, next, nil
}

// ListQueues implements the operation.
func (s *Service) ListQueues(ctx context.Context, in *sqsapi.ListQueuesInput) (*sqsapi.ListQueuesOutput, error) {
	c := wire.CallOf(ctx)
	prefix := wire.V(in.QueueNamePrefix)
	found, next, err := s.page(ctx, c.Account, c.Region, "ListQueues/"+c.Region+"/"+prefix, in.NextToken, in.MaxResults, func(q *queue) bool { return strings.HasPrefix(q.Name, prefix) })
	if err != nil {
		return nil, err
	}
	out := &sqsapi.ListQueuesOutput{NextToken: next}
	for _, q := range found {
		out.QueueUrls = append(out.QueueUrls, queueURL(c, q))
	}
	return out, nil
}

// ListQueuesRequires implements the operation's requirements.
func (s *Service) ListQueuesRequires(ctx context.Context, in *sqsapi.ListQueuesInput, r *wire.Requirements) error {
	c := wire.CallOf(ctx)
	r.Need("sqs:ListQueues", "arn:aws:sqs:"+c.Region+":"+c.Account+":*")
	return nil
}

// ListDeadLetterSourceQueues implements the operation.
func (s *Service) ListDeadLetterSourceQueues(ctx context.Context, in *sqsapi.ListDeadLetterSourceQueuesInput) (*sqsapi.ListDeadLetterSourceQueuesOutput, error) {
	c := wire.CallOf(ctx)
	d, err := s.byURL(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	found, next, err := s.page(ctx, d.Account, d.Region, "ListDeadLetterSourceQueues/"+d.ID, in.NextToken, in.MaxResults, func(q *queue) bool { return q.DeadLetterARN == d.arn() })
	if err != nil {
		return nil, err
	}
	out := &sqsapi.ListDeadLetterSourceQueuesOutput{NextToken: next, QueueUrls: []string{}}
	for _, q := range found {
		out.QueueUrls = append(out.QueueUrls, queueURL(c, q))
	}
	return out, nil
}

// ListDeadLetterSourceQueuesRequires implements the operation's requirements.
func (s *Service) ListDeadLetterSourceQueuesRequires(ctx context.Context, in *sqsapi.ListDeadLetterSourceQueuesInput, r *wire.Requirements) error {
	return s.need(ctx, r, in.QueueUrl, "ListDeadLetterSourceQueues")
}

func checkTags(tags map[string]string) error {
	if len(tags) > tagsMax {
		return invalid(len(tags), "Tags", "Too many tags added for queue: the limit is 50.")
	}
	for k, v := range tags {
		if k == "" || len(k) > 128 || len(v) > 256 || strings.HasPrefix(strings.ToLower(k), "aws:") {
			return invalid(k, "Tags", "Tag keys must be between 1 and 128 characters in length and may not begin with aws:, values at most 256 characters.")
		}
	}
	return nil
}

// TagQueue implements the operation.
func (s *Service) TagQueue(ctx context.Context, in *sqsapi.TagQueueInput) (*sqsapi.TagQueueOutput, error) {
	if len(in.Tags) == 0 {
		return nil, missing("Tags")
	}
	return &sqsapi.TagQueueOutput{}, s.change(ctx, in.QueueUrl, func(q *queue) error {
		tags := map[string]string{}
		for k, v := range q.Tags {
			tags[k] = v
		}
		for k, v := range in.Tags {
			tags[k] = v
		}
		q.Tags = tags
		return checkTags(tags)
	})
}

// TagQueueRequires implements the operation's requirements.
func (s *Service) TagQueueRequires(ctx context.Context, in *sqsapi.TagQueueInput, r *wire.Requirements) error {
	return s.need(ctx, r, in.QueueUrl, "TagQueue")
}

// UntagQueue implements the operation.
func (s *Service) UntagQueue(ctx context.Context, in *sqsapi.UntagQueueInput) (*sqsapi.UntagQueueOutput, error) {
	if len(in.TagKeys) == 0 {
		return nil, missing("TagKeys")
	}
	return &sqsapi.UntagQueueOutput{}, s.change(ctx, in.QueueUrl, func(q *queue) error {
		tags := map[string]string{}
		for k, v := range q.Tags {
			tags[k] = v
		}
		for _, k := range in.TagKeys {
			delete(tags, k)
		}
		q.Tags = tags
		return nil
	})
}

// UntagQueueRequires implements the operation's requirements.
func (s *Service) UntagQueueRequires(ctx context.Context, in *sqsapi.UntagQueueInput, r *wire.Requirements) error {
	return s.need(ctx, r, in.QueueUrl, "UntagQueue")
}

// ListQueueTags implements the operation.
func (s *Service) ListQueueTags(ctx context.Context, in *sqsapi.ListQueueTagsInput) (*sqsapi.ListQueueTagsOutput, error) {
	q, err := s.byURL(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	out := &sqsapi.ListQueueTagsOutput{}
	if len(q.Tags) > 0 {
		out.Tags = q.Tags
	}
	return out, nil
}

// ListQueueTagsRequires implements the operation's requirements.
func (s *Service) ListQueueTagsRequires(ctx context.Context, in *sqsapi.ListQueueTagsInput, r *wire.Requirements) error {
	return s.need(ctx, r, in.QueueUrl, "ListQueueTags")
}

type policyDocument struct {
	Version   string           `json:"Version"`
	ID        string           `json:"Id,omitempty"`
	Statement []map[string]any `json:"Statement"`
}

var permissionActions = map[string]bool{"*": true, "SendMessage": true, "ReceiveMessage": true, "DeleteMessage": true, "ChangeMessageVisibility": true,
	"GetQueueAttributes": true, "GetQueueUrl": true, "ListDeadLetterSourceQueues": true, "PurgeQueue": true}

// AddPermission implements the operation: it adds a statement to the queue's policy.
func (s *Service) AddPermission(ctx context.Context, in *sqsapi.AddPermissionInput) (*sqsapi.AddPermissionOutput, error) {
	label := in.Label
	switch {
	case in.Label == "":
		return nil, missing("Label")
	case !validName(label):
		return nil, invalid(label, "Label", "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	case len(in.AWSAccountIds) == 0:
		return nil, missing("AWSAccountIds")
	case len(in.Actions) == 0:
		return nil, missing("Actions")
	}
	var principals, actions []string
	for _, a := range in.AWSAccountIds {
		if len(a) != 12 || strings.Trim(a, "0123456789") != "" {
			return nil, invalid("["+a+"]", "PrincipalId", "Unable to verify.")
		}
		principals = append(principals, "arn:aws:iam::"+a+":root")
	}
	for _, a := range in.Actions {
		if !permissionActions[a] {
			return nil, invalid("SQS:"+a, "ActionName", "Please refer to the appropriate WSDL for a list of valid actions.")
		}
		actions = append(actions, "SQS:"+a)
	}
	err := s.change(ctx, in.QueueUrl, func(q *queue) error {
		doc := policyDocument{Version: "2012-10-17", ID: q.arn() + "/SQSDefaultPolicy"}
		if q.Policy != "" {
			if err := json.Unmarshal([]byte(q.Policy), &doc); err != nil {
				return wire.Unsupported("AddPermission" + ": " + "a queue policy whose Statement is not a list")
			}
		}
		for _, st := range doc.Statement {
			if st["Sid"] == label {
				return invalid(label, "Label", "Already exists.")
			}
		}
		if len(doc.Statement) >= statementMax {
			return &sqsapi.OverLimit{Message: "20 statements are the limit of a queue's policy."}
		}
		doc.Statement = append(doc.Statement, map[string]any{"Sid": label, "Effect": "Allow", "Principal": map[string]any{"AWS": oneOrMany(principals)}, "Action": oneOrMany(actions), "Resource": q.arn()})
		b, err := json.Marshal(doc)
		q.Policy = string(b)
		return err
	})
	return &sqsapi.AddPermissionOutput{}, err
}

func oneOrMany(l []string) any {
	if len(l) == 1 {
		return l[0]
	}
	return l
}

// AddPermissionRequires implements the operation's requirements.
func (s *Service) AddPermissionRequires(ctx context.Context, in *sqsapi.AddPermissionInput, r *wire.Requirements) error {
	return s.need(ctx, r, in.QueueUrl, "AddPermission")
}

// RemovePermission implements the operation.
func (s *Service) RemovePermission(ctx context.Context, in *sqsapi.RemovePermissionInput) (*sqsapi.RemovePermissionOutput, error) {
	label := in.Label
	err := s.change(ctx, in.QueueUrl, func(q *queue) error {
		var doc policyDocument
		if q.Policy == "" || json.Unmarshal([]byte(q.Policy), &doc) != nil {
			return invalid(label, "Label", "can't find label.")
		}
		kept := doc.Statement[:0]
		for _, st := range doc.Statement {
			if st["Sid"] != label {
				kept = append(kept, st)
			}
		}
		if len(kept) == len(doc.Statement) {
			return invalid(label, "Label", "can't find label.")
		}
		doc.Statement = kept
		if len(kept) == 0 {
			q.Policy = ""
			return nil
		}
		b, err := json.Marshal(doc)
		q.Policy = string(b)
		return err
	})
	return &sqsapi.RemovePermissionOutput{}, err
}

// RemovePermissionRequires implements the operation's requirements.
func (s *Service) RemovePermissionRequires(ctx context.Context, in *sqsapi.RemovePermissionInput, r *wire.Requirements) error {
	return s.need(ctx, r, in.QueueUrl, "RemovePermission")
}
