package iam

import (
	"crypto/sha256"
	"encoding/base32"

	awsmanaged "virga/internal/policy/managed"
)

// awsPolicy gives one of AWS's managed policies as a record, nil where AWS has none of that ARN. The source of the facts
// has no policy ids: they are made from the ARN, so that they are the same everywhere.
func awsPolicy(arn string) *managed {
	p, ok := awsmanaged.Find(arn)
	if !ok {
		return nil
	}
	return awsRecord(&p)
}

func awsRecord(p *awsmanaged.Policy) *managed {
	h := sha256.Sum256([]byte(p.ARN()))
	n := versionNumber(p.Version)
	return &managed{Name: p.Name, ID: "ANPA" + base32.StdEncoding.EncodeToString(h[:])[:17], Path: p.Path, Created: p.Created, Updated: p.Updated,
		Default: n, Last: n, Versions: 1}
}

// awsDocument gives the document of one of AWS's managed policies.
func awsDocument(arn string) string {
	p, ok := awsmanaged.Find(arn)
	if !ok {
		return ""
	}
	return p.Document()
}
