package cloud

import (
	"context"

	"virga/service/iam"
	"virga/service/sts"
)

// roles gives STS the roles of IAM.
type roles struct{ iam *iam.Service }

// RoleByARN implements sts.Roles.
func (r roles) RoleByARN(ctx context.Context, arn string) (*sts.Role, error) {
	e, longest, err := r.iam.RoleByARN(ctx, arn)
	if e == nil || err != nil {
		return nil, err
	}
	return &sts.Role{ARN: e.ARN, ID: e.ID, Account: e.Account, Trust: e.Trust, MaxSessionDuration: longest}, nil
}
