package jsonata

import (
	"math"
	"sync"
)

// libraries holds the functions of both dialects once somebody asked for them; they never change.
var libraries struct {
	once         sync.Once
	full, states map[string]*function
}

func library(stepFunctions bool) map[string]*function {
	libraries.once.Do(func() {
		libraries.full = build(standard)
		libraries.states = build(standard, additions)
		delete(libraries.states, "eval")
	})
	if stepFunctions {
		return libraries.states
	}
	return libraries.full
}

// entryOf one function: its signature and the number of parameters that a caller of callbacks sees.
type libraryEntry struct {
	name  string
	sig   string
	arity int
	run   func(m *machine, a args) (Value, *Error)
}

func build(lists ...func() []libraryEntry) map[string]*function {
	out := map[string]*function{}
	for _, list := range lists {
		for _, e := range list() {
			sig, err := parseSignature(e.sig)
			if err != nil {
				panic("jsonata: signature of " + e.name + ": " + e.sig)
			}
			out[e.name] = &function{name: e.name, arity: e.arity, sig: sig, native: e.run}
		}
	}
	return out
}

// standard are the functions of the language. A new one is one row here and its test.
func standard() []libraryEntry {
	return []libraryEntry{
		{"sum", "<a<n>:n>", 1, onNumbers(true, total)},
		{"count", "<a:n>", 1, fnCount},
		{"max", "<a<n>:n>", 1, onNumbers(false, extreme(math.Max))},
		{"min", "<a<n>:n>", 1, onNumbers(false, extreme(math.Min))},
		{"average", "<a<n>:n>", 1, onNumbers(false, average)},
		{"string", "<x-b?:s>", 1, fnString},
		{"substring", "<s-nn?:s>", 3, fnSubstring},
		{"substringBefore", "<s-s:s>", 2, fnSubstringBefore},
		{"substringAfter", "<s-s:s>", 2, fnSubstringAfter},
		{"lowercase", "<s-:s>", 1, onText(fnLowercase)},
		{"uppercase", "<s-:s>", 1, onText(fnUppercase)},
		{"length", "<s-:n>", 1, onText(fnLength)},
		{"trim", "<s-:s>", 1, onText(fnTrim)},
		{"pad", "<s-ns?:s>", 3, fnPad},
		{"match", "<s-f<s:o>n?:a<o>>", 3, fnMatch},
		{"contains", "<s-(sf):b>", 2, fnContains},
		{"replace", "<s-(sf)(sf)n?:s>", 4, fnReplace},
		{"split", "<s-(sf)n?:a<s>>", 3, fnSplit},
		{"join", "<a<s>s?:s>", 2, fnJoin},
		{"formatNumber", "<n-so?:s>", 3, fnFormatNumber},
		{"formatBase", "<n-n?:s>", 2, fnFormatBase},
		{"formatInteger", "<n-s:s>", 2, fnFormatInteger},
		{"parseInteger", "<s-s:n>", 2, fnParseInteger},
		{"number", "<(nsb)-:n>", 1, fnNumber},
		{"floor", "<n-:n>", 1, onNumber(math.Floor)},
		{"ceil", "<n-:n>", 1, onNumber(math.Ceil)},
		{"round", "<n-n?:n>", 2, fnRound},
		{"abs", "<n-:n>", 1, onNumber(math.Abs)},
		{"sqrt", "<n-:n>", 1, fnSqrt},
		{"power", "<n-n:n>", 2, fnPower},
		{"random", "<:n>", 0, fnRandom},
		{"boolean", "<x-:b>", 1, fnBoolean},
		{"not", "<x-:b>", 1, fnNot},
		{"map", "<af>", 2, fnMap},
		{"zip", "<a+>", 0, fnZip},
		{"filter", "<af>", 2, fnFilter},
		{"single", "<af?>", 2, fnSingle},
		{"reduce", "<afj?:j>", 3, fnReduce},
		{"sift", "<o-f?:o>", 2, fnSift},
		{"keys", "<x-:a<s>>", 1, fnKeys},
		{"lookup", "<x-s:x>", 2, fnLookup},
		{"append", "<xx:a>", 2, fnAppend},
		{"exists", "<x:b>", 1, fnExists},
		{"spread", "<x-:a<o>>", 1, fnSpread},
		{"merge", "<a<o>:o>", 1, fnMerge},
		{"reverse", "<a:a>", 1, fnReverse},
		{"each", "<o-f:a>", 2, fnEach},
		{"error", "<s?:x>", 1, fnError},
		{"assert", "<bs?:x>", 2, fnAssert},
		{"type", "<x:s>", 1, fnType},
		{"sort", "<af?:a>", 2, fnSort},
		{"shuffle", "<a:a>", 1, fnShuffle},
		{"distinct", "<x:x>", 1, fnDistinct},
		{"base64encode", "<s-:s>", 1, onText(fnBase64encode)},
		{"base64decode", "<s-:s>", 1, onText(fnBase64decode)},
		{"encodeUrlComponent", "<s-:s>", 1, encodeURL("encodeUrlComponent", urlMarks)},
		{"encodeUrl", "<s-:s>", 1, encodeURL("encodeUrl", urlMarks+urlReserved)},
		{"decodeUrlComponent", "<s-:s>", 1, decodeURL("decodeUrlComponent", "")},
		{"decodeUrl", "<s-:s>", 1, decodeURL("decodeUrl", urlReserved)},
		{"eval", "<sx?:x>", 2, fnEval},
		{"toMillis", "<s-s?:n>", 2, fnToMillis},
		{"fromMillis", "<n-s?s?:s>", 3, fnFromMillis},
		{"clone", "<(oa)-:o>", 1, fnClone},
		{"now", "<s?s?:s>", 2, fnNow},
		{"millis", "<:n>", 0, func(m *machine, a args) (Value, *Error) { return Num(float64(m.call.Millis)), nil }},
	}
}

// additions are the functions that Step Functions has besides.
func additions() []libraryEntry {
	return []libraryEntry{
		{"partition", "<an:a>", 2, fnPartition},
		{"range", "<nnn?:a>", 3, fnRange},
		{"hash", "<ss?:s>", 2, fnHash},
		{"random", "<n?:n>", 1, fnRandomSeed},
		{"uuid", "<:s>", 0, fnUUID},
		{"parse", "<s-:x>", 1, onText(fnParse)},
	}
}
