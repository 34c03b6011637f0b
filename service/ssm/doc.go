// Package ssm is Parameter Store of AWS Systems Manager: parameters, their history, labels and tags (AWS Systems
// Manager User Guide, AWS Systems Manager Parameter Store).
//
// What differs from AWS: SecureString values are sealed with the account's own data key, keys of one's own are refused
// until KMS is there; parameter policies, the Intelligent-Tiering tier and the data types that AWS validates against
// other services are refused by name; the public parameters under /aws/service are not there yet.
package ssm
