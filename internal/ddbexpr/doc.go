// Package ddbexpr is the languages of DynamoDB's requests: condition, filter, projection, update and key condition
// expressions, and the legacy parameters that say the same (Expected, AttributeUpdates, KeyConditions, QueryFilter,
// ScanFilter, ConditionalOperator, AttributesToGet).
//
// Sources: Amazon DynamoDB Developer Guide, "Using expressions in DynamoDB", "Reserved words in DynamoDB", "Legacy
// conditional parameters", "Quotas in Amazon DynamoDB".
//
// Parse reads an expression once and knows neither names nor values, so a Cache may keep it by its text; Bind gives it
// those of one request. The result matches, changes or projects items as package attr encodes them, where they lie.
// Request makes the checks of a whole request in AWS's order: what stands beside what, names and values, each
// expression's syntax, words, operands and paths, then what is left unused. Key conditions become the range of keys to
// read (Plan). Package partiql is PartiQL upon all this.
//
// What differs from AWS:
//   - of several mistakes in one update, the first in the order written is named;
//   - the depth of parentheses has a limit of its own (Limits.Depth), within the 4 KB of an expression;
//   - the size of ExpressionAttributeValues is that of their encoding here, not of their JSON.
//
// It is not a service: tables, indexes, item collections and capacity are service/dynamodb's.
package ddbexpr
