package forged

import (
	"strings"
	"testing"
	"time"

	"virga/internal/auth/sigv4"
)

const trustAccount = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"sts:AssumeRole"}]}`

func (w *world) may(t *testing.T, who sigv4.Credentials, name string) (bool, string) {
	t.Helper()
	r := w.as(who, "sqs", "GetQueueUrl", map[string]any{"QueueName": name})
	return r.Code == 200, r.Body.String()
}

// soon waits until a caller may or may not do something, and fails after the five seconds that a revocation may take.
func (w *world) soon(t *testing.T, what string, who sigv4.Credentials, queue string, want bool) {
	t.Helper()
	began := time.Now()
	for {
		got, body := w.may(t, who, queue)
		if got == want {
			t.Logf("%s: holds after %v", what, time.Since(began).Round(time.Microsecond))
			return
		}
		if time.Since(began) > 5*time.Second {
			t.Fatalf("%s: after 5 s still %v: %s", what, got, body)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestRoleMadeAgain: a session of a role that was deleted is worth nothing, also where one of the same name is there again.
func TestRoleMadeAgain(t *testing.T) {
	w := newWorld(t)
	role := map[string]any{"RoleName": "again", "AssumeRolePolicyDocument": trustAccount}
	policy := map[string]any{"RoleName": "again", "PolicyName": "p", "PolicyDocument": everything}
	w.need("iam", "CreateRole", role)
	w.need("iam", "PutRolePolicy", policy)
	s := w.assume("again", "before")
	w.soon(t, "a session", s, "target", true)
	w.need("iam", "DeleteRolePolicy", map[string]any{"RoleName": "again", "PolicyName": "p"})
	w.need("iam", "DeleteRole", map[string]any{"RoleName": "again"})
	w.soon(t, "its role deleted", s, "target", false)
	w.need("iam", "CreateRole", role)
	w.need("iam", "PutRolePolicy", policy)
	for range 20 {
		if ok, body := w.may(t, s, "target"); ok || !strings.Contains(body, "UnrecognizedClient") && !strings.Contains(body, "InvalidClientTokenId") && !strings.Contains(body, "security token") {
			t.Fatalf("the old session after the role was made again: %v %s", ok, body)
		}
		time.Sleep(5 * time.Millisecond)
	}
	w.soon(t, "a new session", w.assume("again", "after"), "target", true)
}

// TestTrustKeepsIDs: a role that trusts a user trusts nobody who is made later under the user's name.
func TestTrustKeepsIDs(t *testing.T) {
	w := newWorld(t)
	first := w.user("friend")
	w.need("iam", "CreateRole", map[string]any{"RoleName": "trusting", "AssumeRolePolicyDocument": strings.Replace(trustAccount, `"`+account+`"`, `"arn:aws:iam::`+account+`:user/friend"`, 1)})
	in := map[string]any{"RoleArn": iamARN + "role/trusting", "RoleSessionName": "session"}
	if r := w.as(first, "sts", "AssumeRole", in); r.Code != 200 {
		t.Fatalf("the friend: %d %s", r.Code, r.Body)
	}
	w.need("iam", "DeleteAccessKey", map[string]any{"UserName": "friend", "AccessKeyId": first.AccessKeyID})
	w.need("iam", "DeleteUser", map[string]any{"UserName": "friend"})
	if r := w.as(w.user("friend"), "sts", "AssumeRole", in); r.Code != 403 {
		t.Errorf("another user of the friend's name: %d %s", r.Code, r.Body)
	}
}

// TestValuesAreLiteral puts what looks like a pattern into policy variables. STS and IAM refuse such names and tags; who
// gets a session with one all the same matches it literally.
func TestValuesAreLiteral(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"*", "a*", "tar?et", "${aws:userid}"} {
		if r := w.as(w.admin, "sts", "AssumeRole", map[string]any{"RoleArn": iamARN + "role/caller", "RoleSessionName": name}); r.Code != 400 {
			t.Errorf("a session of the name %q: %d %s", name, r.Code, r.Body)
		}
	}
	w.need("sqs", "CreateQueue", map[string]any{"QueueName": "q-a"})
	w.need("iam", "CreateRole", map[string]any{"RoleName": "named", "AssumeRolePolicyDocument": trustAccount})
	policy := func(rest string) {
		w.need("iam", "PutRolePolicy", map[string]any{"RoleName": "named", "PolicyName": "p", "PolicyDocument": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:GetQueueUrl",` + rest + `}]}`})
	}
	policy(`"Resource":"arn:aws:sqs:*:` + account + `:q-${aws:PrincipalTag/who}"`)
	for _, tag := range []string{"*", "?", "${*}"} {
		if ok, body := w.may(t, w.issue("named", "session", tag), "q-a"); ok {
			t.Errorf("the tag %q was taken as a pattern: %s", tag, body)
		}
	}
	w.soon(t, "the tag says it literally", w.issue("named", "session", "a"), "q-a", true)

	id := field(w.need("iam", "GetRole", map[string]any{"RoleName": "named"}), "RoleId")
	policy(`"Resource":"*","Condition":{"StringLike":{"aws:PrincipalTag/who":"${aws:userid}"}}`)
	if ok, body := w.may(t, w.issue("named", "*", id+":other"), "q-a"); ok {
		t.Errorf("the session name * was taken as a pattern: %s", body)
	}
	w.soon(t, "the session's name says it literally", w.issue("named", "*", id+":*"), "q-a", true)
}

// TestRevocation takes rights away while they are used.
func TestRevocation(t *testing.T) {
	w := newWorld(t)
	u := w.user("worker")
	put := func(doc string) {
		w.need("iam", "PutUserPolicy", map[string]any{"UserName": "worker", "PolicyName": "p", "PolicyDocument": doc})
	}
	put(everything)
	w.soon(t, "a policy", u, "target", true)
	w.need("iam", "DeleteUserPolicy", map[string]any{"UserName": "worker", "PolicyName": "p"})
	w.soon(t, "the policy gone", u, "target", false)
	w.need("iam", "AttachUserPolicy", map[string]any{"UserName": "worker", "PolicyArn": iamARN + "policy/target"})
	w.soon(t, "a managed policy", u, "target", true)
	v := map[string]any{"PolicyArn": iamARN + "policy/target", "PolicyDocument": strings.Replace(everything, "Allow", "Deny", 1), "SetAsDefault": true}
	w.need("iam", "CreatePolicyVersion", v)
	w.soon(t, "its new version denies", u, "target", false)
	w.need("iam", "SetDefaultPolicyVersion", map[string]any{"PolicyArn": iamARN + "policy/target", "VersionId": "v1"})
	w.soon(t, "its old version again", u, "target", true)
	w.need("iam", "UpdateAccessKey", map[string]any{"UserName": "worker", "AccessKeyId": u.AccessKeyID, "Status": "Inactive"})
	w.soon(t, "the key inactive", u, "target", false)
	if _, body := w.may(t, u, "target"); !strings.Contains(body, "UnrecognizedClientException") {
		t.Errorf("an inactive key: %s", body)
	}
	w.need("iam", "UpdateAccessKey", map[string]any{"UserName": "worker", "AccessKeyId": u.AccessKeyID, "Status": "Active"})
	w.soon(t, "the key active", u, "target", true)
	w.need("iam", "DeleteAccessKey", map[string]any{"UserName": "worker", "AccessKeyId": u.AccessKeyID})
	w.soon(t, "the key gone", u, "target", false)

	w.soon(t, "a role's session", w.roleA, "target", true)
	time.Sleep(1100 * time.Millisecond) // issue times have whole seconds
	w.need("iam", "PutRolePolicy", map[string]any{"RoleName": "caller", "PolicyName": "AWSRevokeOlderSessions",
		"PolicyDocument": `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"DateLessThan":{"aws:TokenIssueTime":"` + time.Now().UTC().Format(time.RFC3339) + `"}}}]}`})
	w.soon(t, "older sessions revoked", w.roleA, "target", false)
	w.soon(t, "a session of after", w.assume("caller", "later"), "target", true)
	w.need("iam", "DetachRolePolicy", map[string]any{"RoleName": "caller", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"})
	w.soon(t, "the role's policy detached", w.roleB, "target", false)
}

// TestServiceKeysOfClients: condition keys that services set are not taken from clients.
func TestServiceKeysOfClients(t *testing.T) {
	w := newWorld(t)
	u := w.user("worker")
	for _, key := range []string{"aws:SourceArn", "aws:SourceAccount", "aws:CalledVia", "aws:ViaAWSService"} {
		value := map[string]string{"aws:SourceAccount": account, "aws:ViaAWSService": "true"}[key]
		if value == "" {
			value = "*"
		}
		op := "StringLike"
		if key == "aws:CalledVia" {
			op = "ForAnyValue:StringLike"
		}
		w.need("iam", "PutUserPolicy", map[string]any{"UserName": "worker", "PolicyName": "p",
			"PolicyDocument": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"` + op + `":{"` + key + `":"` + value + `"}}}]}`})
		op2 := w.op("sqs", "GetQueueUrl")
		s := encode(op2, op2.Schema.Protocols[0], map[string]any{"QueueName": "target"})
		s.header.Set("X-Amz-Source-Arn", sqsARN)
		s.header.Set("X-Amz-Source-Account", account)
		s.header.Set("Aws-Sourcearn", sqsARN)
		if r := w.send(s.signed(op2, u, time.Now())); r.Code == 200 {
			t.Errorf("%s was taken from the client", key)
		}
	}
}
