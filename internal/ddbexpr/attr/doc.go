// Package attr is DynamoDB's AttributeValue: one compact encoding of it that can be compared, ordered, searched, counted
// and changed where it lies, read from DynamoDB's JSON and written as it in one pass without a tree between.
//
// Sources: Amazon DynamoDB Developer Guide, "Supported data types and naming rules in Amazon DynamoDB", "DynamoDB Item
// sizes and formats", "Quotas in Amazon DynamoDB".
//
// Equal values have equal bytes (sets and maps are kept in order, numbers in normal form), and the bytes of a key sort as
// the key does. So the encoding serves as the stored record, as the operand of an expression, and as the key of an index.
//
// What differs from AWS: sets come back in bytewise order of their elements and maps in that of their names, where AWS
// promises none. A name that a JSON map holds twice counts with its last value. What AWS refuses and what it words so was
// taken from its documentation, from recordings, and from DynamoDB Local (the comparison: make dynamodb-local).
//
// It knows no expressions (package ddbexpr) and no tables.
package attr
