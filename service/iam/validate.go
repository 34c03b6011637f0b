package iam

import (
	"errors"
	"strconv"

	iamapi "virga/api/iam"
	"virga/internal/policy"
)

// parse reads a document in the words of IAM; quota names the limit that size passes.
func parse(kind policy.Kind, doc, quota string, size int, domain string) (*policy.Document, error) {
	d, err := policy.Parse(kind, []byte(doc), policy.Limits{Size: size, Domain: domain})
	if err == nil {
		return d, nil
	}
	var e *policy.Error
	if errors.As(err, &e) && e.Reason == policy.TooLarge {
		return nil, &iamapi.LimitExceededException{Message: "Cannot exceed quota for " + quota + ": " + strconv.Itoa(size)}
	}
	return nil, &iamapi.MalformedPolicyDocumentException{Message: err.Error()}
}

func validateManaged(doc string) error {
	_, err := parse(policy.Managed, doc, "PolicySize", managedSizeMax, "")
	return err
}

func validateInline(doc string) error {
	_, err := parse(policy.Identity, doc, "", 0, "")
	return err
}

func validateTrust(doc, domain string) error {
	_, err := parse(policy.Trust, doc, "ACLSizePerRole", trustSizeMax, domain)
	return err
}
