package jsonpath

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The limits of intrinsic functions (AWS Step Functions Developer Guide, "Intrinsic functions").
const (
	RangeMax  = 1000  // elements of States.ArrayRange
	EncodeMax = 10000 // characters that States.Base64Encode, Base64Decode and Hash take
)

// function is an intrinsic function: how many arguments it takes (most -1: any number), which literals they may be (s a
// string, n a number, b a boolean, a neither of them, * any) and what it does.
type function struct {
	least, most int
	types       string
	call        func(env *Env, args []any) (any, error)
}

var functions = map[string]*function{
	"Array":          {0, -1, "", func(_ *Env, args []any) (any, error) { return args, nil }},
	"ArrayContains":  {2, 2, "a*", arrayContains},
	"ArrayGetItem":   {2, 2, "an", arrayGetItem},
	"ArrayLength":    {1, 1, "a", arrayLength},
	"ArrayPartition": {2, 2, "an", arrayPartition},
	"ArrayRange":     {3, 3, "nnn", arrayRange},
	"ArrayUnique":    {1, 1, "a", arrayUnique},
	"Base64Decode":   {1, 1, "s", base64Decode},
	"Base64Encode":   {1, 1, "s", base64Encode},
	"Format":         {1, -1, "s", format},
	"Hash":           {2, 2, "*s", hash},
	"JsonMerge":      {3, 3, "aab", jsonMerge},
	"JsonToString":   {1, 1, "*", jsonToString},
	"MathAdd":        {2, 2, "nn", mathAdd},
	"MathRandom":     {2, 3, "nnn", mathRandom},
	"StringSplit":    {2, 2, "ss", stringSplit},
	"StringToJson":   {1, 1, "s", stringToJSON},
	"UUID":           {0, 0, "", uuid},
}

func list(v any) ([]any, error) {
	if l, ok := v.([]any); ok {
		return l, nil
	}
	return nil, errors.New("the argument must be an array")
}

func text(v any) (string, error) {
	if s, ok := v.(string); ok {
		return s, nil
	}
	return "", errors.New("the argument must be a string")
}

// whole rounds a number as Java's Math.round does: half up.
func whole(v any) (int64, error) {
	n, ok := v.(Number)
	if !ok {
		return 0, errors.New("the argument must be a number")
	}
	if i, err := n.Int64(); err == nil {
		return i, nil
	}
	f, err := n.Float64()
	if f = math.Floor(f + 0.5); err != nil || f < -1<<63 || f >= 1<<63 {
		return 0, errors.New("the number is out of range")
	}
	return int64(f), nil
}

func integer(i int64) Number { return Number(strconv.FormatInt(i, 10)) }

func arrayContains(_ *Env, args []any) (any, error) {
	l, err := list(args[0])
	for _, e := range l {
		if equal(e, args[1]) {
			return true, nil
		}
	}
	return false, err
}

func arrayGetItem(_ *Env, args []any) (any, error) {
	l, err := list(args[0])
	if err != nil {
		return nil, err
	}
	i, err := whole(args[1])
	if err != nil {
		return nil, err
	}
	if i < 0 || i >= int64(len(l)) {
		return nil, fmt.Errorf("index %d is out of bounds of an array of %d", i, len(l))
	}
	return l[i], nil
}

func arrayLength(_ *Env, args []any) (any, error) {
	l, err := list(args[0])
	return integer(int64(len(l))), err
}

func arrayPartition(_ *Env, args []any) (any, error) {
	l, err := list(args[0])
	if err != nil {
		return nil, err
	}
	n, err := whole(args[1])
	if err != nil {
		return nil, err
	}
	if n < 1 {
		return nil, errors.New("the size of a part must be greater than zero")
	}
	parts := []any{}
	for len(l) > 0 {
		k := min(n, int64(len(l)))
		parts = append(parts, l[:k:k])
		l = l[k:]
	}
	return parts, nil
}

func arrayRange(_ *Env, args []any) (any, error) {
	var n [3]int64
	for i := range n {
		var err error
		if n[i], err = whole(args[i]); err != nil {
			return nil, err
		}
		if n[i] > 1<<53 || n[i] < -1<<53 {
			return nil, errors.New("the number is out of range")
		}
	}
	first, last, step := n[0], n[1], n[2]
	if step == 0 {
		return nil, errors.New("the increment must not be zero")
	}
	if (last-first)/step >= RangeMax {
		return nil, fmt.Errorf("the range has more than %d elements", RangeMax)
	}
	l := []any{}
	for v := first; step > 0 && v <= last || step < 0 && v >= last; v += step {
		l = append(l, integer(v))
	}
	return l, nil
}

func arrayUnique(env *Env, args []any) (any, error) {
	l, err := list(args[0])
	if err != nil {
		return nil, err
	}
	seen := map[string][]any{}
	unique := []any{}
next:
	for _, e := range l {
		key := "" // objects by their size, numbers together: equal decides
		switch e := e.(type) {
		case string:
			key = "s" + e
		case Number:
			f, _ := e.Float64()
			key = "n" + strconv.FormatFloat(f, 'g', -1, 64)
		case *Object:
			key = "o" + strconv.Itoa(e.Len())
		case []any:
			key = "a" + strconv.Itoa(len(e))
		}
		if len(seen[key]) > StepsMax/100 {
			return nil, ErrSteps
		}
		for _, other := range seen[key] {
			if equal(e, other) {
				continue next
			}
		}
		seen[key] = append(seen[key], e)
		unique = append(unique, e)
	}
	return unique, nil
}

func base64Encode(_ *Env, args []any) (any, error) {
	s, err := text(args[0])
	if err == nil && utf8.RuneCountInString(s) > EncodeMax {
		err = fmt.Errorf("the argument is longer than %d characters", EncodeMax)
	}
	return base64.StdEncoding.EncodeToString([]byte(s)), err
}

func base64Decode(_ *Env, args []any) (any, error) {
	s, err := text(args[0])
	if err != nil {
		return nil, err
	}
	if utf8.RuneCountInString(s) > EncodeMax {
		return nil, fmt.Errorf("the argument is longer than %d characters", EncodeMax)
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, errors.New("the argument is not base64")
	}
	return strings.ToValidUTF8(string(b), "\ufffd"), nil
}

// format puts the arguments in the places of {}; \{, \} and \\ stand for the characters themselves.
func format(env *Env, args []any) (any, error) {
	s, err := text(args[0])
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	next := 1
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && strings.IndexByte(`'{}\`, s[i+1]) >= 0:
			i++
			b.WriteByte(s[i])
		case c == '{' && i+1 < len(s) && s[i+1] == '}':
			if next == len(args) {
				return nil, errors.New("there are more {} than arguments")
			}
			if !within(args[next], env.bytes()) {
				return nil, ErrResultBytes
			}
			display(&b, args[next])
			next++
			i++
		case c == '{' || c == '}':
			return nil, errors.New("a brace that is not {} must be escaped")
		default:
			b.WriteByte(c)
		}
		if b.Len() > env.bytes() {
			return nil, ErrResultBytes
		}
	}
	if next < len(args) {
		return nil, errors.New("there are fewer {} than arguments")
	}
	return b.String(), nil
}

func hash(env *Env, args []any) (any, error) {
	s, ok := args[0].(string)
	if !ok {
		if !within(args[0], EncodeMax) {
			return nil, fmt.Errorf("the data is longer than %d characters", EncodeMax)
		}
		s = string(Encode(args[0]))
	}
	if utf8.RuneCountInString(s) > EncodeMax {
		return nil, fmt.Errorf("the data is longer than %d characters", EncodeMax)
	}
	var sum []byte
	switch args[1] {
	case "MD5":
		h := md5.Sum([]byte(s))
		sum = h[:]
	case "SHA-1":
		h := sha1.Sum([]byte(s))
		sum = h[:]
	case "SHA-256":
		h := sha256.Sum256([]byte(s))
		sum = h[:]
	case "SHA-384":
		h := sha512.Sum384([]byte(s))
		sum = h[:]
	case "SHA-512":
		h := sha512.Sum512([]byte(s))
		sum = h[:]
	default:
		return nil, errors.New("the algorithm must be MD5, SHA-1, SHA-256, SHA-384 or SHA-512")
	}
	return hex.EncodeToString(sum), nil
}

func jsonMerge(_ *Env, args []any) (any, error) {
	a, ok := args[0].(*Object)
	b, also := args[1].(*Object)
	if !ok || !also {
		return nil, errors.New("the first two arguments must be objects")
	}
	if args[2] != false {
		return nil, errors.New("only the shallow mode (false) is supported")
	}
	merged := a.clone()
	for i, n := range b.names {
		merged.Set(n, b.values[i])
	}
	return merged, nil
}

func jsonToString(env *Env, args []any) (any, error) {
	if !within(args[0], env.bytes()) {
		return nil, ErrResultBytes
	}
	return string(Encode(args[0])), nil
}

func stringToJSON(_ *Env, args []any) (any, error) {
	s, err := text(args[0])
	if err != nil || strings.TrimSpace(s) == "" {
		return nil, err
	}
	v, err := Decode([]byte(s))
	if err != nil {
		return nil, errors.New("the argument is not JSON")
	}
	if v == Number("-0") {
		v = Number("0")
	}
	return v, nil
}

func mathAdd(_ *Env, args []any) (any, error) {
	a, err := whole(args[0])
	if err != nil {
		return nil, err
	}
	b, err := whole(args[1])
	if err != nil {
		return nil, err
	}
	if b > 0 && a > math.MaxInt64-b || b < 0 && a < math.MinInt64-b {
		return nil, errors.New("the sum is out of range")
	}
	return integer(a + b), nil
}

// mathRandom gives a number from the first argument up to, but not, the second.
func mathRandom(env *Env, args []any) (any, error) {
	from, err := whole(args[0])
	if err != nil {
		return nil, err
	}
	to, err := whole(args[1])
	if err != nil {
		return nil, err
	}
	if to <= from || uint64(to)-uint64(from) > math.MaxInt64 {
		return nil, errors.New("the start must be less than the end")
	}
	r := env.Rand
	if len(args) == 3 {
		seed, err := whole(args[2])
		if err != nil {
			return nil, err
		}
		r = rand.New(rand.NewPCG(uint64(seed), 0))
	}
	if r == nil {
		return nil, errors.New("there is no source of chance")
	}
	return integer(from + r.Int64N(to-from)), nil
}

// stringSplit divides at any of the characters of the second argument, and leaves out empty parts.
func stringSplit(_ *Env, args []any) (any, error) {
	s, err := text(args[0])
	if err != nil {
		return nil, err
	}
	at, err := text(args[1])
	if err != nil {
		return nil, err
	}
	parts := []any{}
	for _, p := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(at, r) }) {
		parts = append(parts, p)
	}
	return parts, nil
}

func uuid(env *Env, _ []any) (any, error) {
	if env.NewID == nil {
		return nil, errors.New("there is no source of identifiers")
	}
	return env.NewID(), nil
}
