package store

// The register of key families. A number is never used again for something else; the layout behind a family is
// written beside the code that owns it.
const (
	FamilyMeta     Family = 1 // format, cluster, clock
	FamilyEpoch    Family = 2 // scope → number
	FamilyKeys     Family = 3 // wrapped data keys of accounts
	FamilyLease    Family = 4 // leases of shards and nodes
	FamilyJob      Family = 5 // durable steps
	FamilyDue      Family = 6 // due index of the steps
	FamilyDone     Family = 7 // answers of effects, by effect id
	FamilyBlob     Family = 8 // blob records and intents
	FamilyAudit    Family = 9
	FamilyMeter    Family = 10
	FamilyTrace    Family = 11
	FamilyAuth     Family = 12 // access keys
	FamilyDelivery Family = 13

	FamilyIAM            Family = 100
	FamilySTS            Family = 101
	FamilySSM            Family = 102
	FamilySQS            Family = 103
	FamilyS3             Family = 104
	FamilyLambda         Family = 105
	FamilyLogs           Family = 106
	FamilyCloudFormation Family = 107
	FamilyAPIGateway     Family = 108
	FamilyAPIGatewayV2   Family = 109
)

// ShardsMax is the most shards that a family has.
const ShardsMax = 8

// Holdings are the families of what accounts own: the rows that a reset takes away. Records of what was done (audit,
// meters, traces), keys, leases and epochs are none.
func Holdings() []Family {
	out := []Family{FamilyJob, FamilyDue, FamilyDone, FamilyBlob, FamilyDelivery}
	for f := FamilyIAM; f <= familyLast; f++ {
		out = append(out, f)
	}
	return out
}

// familyLast is the highest number that a service may have; a span over families without rows costs nothing.
const familyLast Family = 160
