package asl

// Limits of AWS (Step Functions Developer Guide, "Quotas"), and those of this interpreter.
const (
	DefinitionBytesMax = 1 << 20
	DataBytesMax       = 256 << 10 // input and output of a state, task or execution
	HistoryMax         = 25000     // events of a standard execution
	StateNameMax       = 80        // characters
	LabelMax           = 40
	CommentMax         = 1 << 16
	VariableNameMax    = 80
	VariableBytesMax   = 256 << 10 // of one assignment
	VariablesBytesMax  = 10 << 20  // of all variables of an execution
	NestingMax         = 20        // Parallel and Map within one another
	DocumentDepthMax   = 500       // nesting of a JSON document
	RulesMax           = 2000      // comparisons of one choice rule
	RuleDepthMax       = 50        // of And, Or, Not
	TransitionsMax     = 1000      // states that one Step enters before it asks for another Proceed
	FramesMax          = 20000     // branches and iterations at once
	InlineConcurrency  = 40        // iterations at once if MaxConcurrency is 0
	TimeoutMax         = 99999999  // seconds
	DiagnosticsMax     = 100
)
