// Package partiql is PartiQL as DynamoDB knows it: SELECT, INSERT, UPDATE, DELETE and EXISTS, with parameters.
//
// Source: Amazon DynamoDB Developer Guide, "PartiQL - A SQL-compatible query language for Amazon DynamoDB".
//
// Parse reads a statement once; Statement.Plan gives it its parameters and says, for the key of its table or index, what
// to read by key, what to filter, and what to write. Conditions and updates become expressions of package ddbexpr, whose
// checks and messages so hold here too.
//
// What differs: what is not well formed is refused by quoting the statement, as DynamoDB Local does (the service at times
// names the word); columns that a SELECT takes from inside an attribute are named by their last part (y of m.x.y, l[0]).
// It reads and writes no table, and knows no NextToken.
package partiql
