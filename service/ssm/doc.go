// Package ssm is Parameter Store of AWS Systems Manager: parameters, their history, labels and tags (AWS Systems
// Manager User Guide, AWS Systems Manager Parameter Store).
//
// What differs from AWS: SecureString values are sealed with the account's own data key, keys of one's own are refused
// until KMS is there; parameter policies, the Intelligent-Tiering tier and the data types that AWS validates against
// other services are refused by name.
//
// Public parameters: /aws/service/global-infrastructure with regions (domain, longName, partition, services) and
// services (longName, regions), from the SDK's endpoint data and in every region; a service has the name that SDKs give
// it. Those that name resources of other services (machine and container images, layers) do not exist here, nor do
// geolocations, endpoints, protocols and zones: they are ParameterNotFound.
package ssm
