package jsonata

import (
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// onNumber makes a function of one number.
func onNumber(f func(x float64) float64) func(m *machine, a args) (Value, *Error) {
	return func(m *machine, a args) (Value, *Error) {
		if v := a.at(0); v.kind == Number {
			return Num(f(v.Float())), nil
		}
		return Value{}, nil
	}
}

// onNumbers makes a function of an array of numbers.
func onNumbers(empty bool, f func(items []Value) float64) func(m *machine, a args) (Value, *Error) {
	return func(m *machine, a args) (Value, *Error) {
		v := a.at(0)
		if v.kind == Undefined || !empty && len(v.Items()) == 0 {
			return Value{}, nil
		}
		if err := m.step(1 + len(v.Items())/4); err != nil {
			return Value{}, err
		}
		return Num(f(v.Items())), nil
	}
}

func total(items []Value) float64 {
	t := 0.0
	for _, x := range items {
		t += x.Float()
	}
	return t
}

func extreme(pick func(a, b float64) float64) func(items []Value) float64 {
	return func(items []Value) float64 {
		best := items[0].Float()
		for _, x := range items[1:] {
			best = pick(best, x.Float())
		}
		return best
	}
}

func average(items []Value) float64 { return total(items) / float64(len(items)) }

func fnCount(m *machine, a args) (Value, *Error) { return Num(float64(len(a.at(0).Items()))), nil }

func fnRound(m *machine, a args) (Value, *Error) {
	v := a.at(0)
	if v.kind == Undefined {
		return v, nil
	}
	places := 0
	if p := a.at(1); p.kind == Number && !math.IsNaN(p.Float()) {
		// The reference writes the number of places behind an e, where a fraction makes no number.
		if p.Float() != math.Trunc(p.Float()) || math.Abs(p.Float()) >= 1e21 {
			return Num(math.NaN()), nil
		}
		places = max(-1000, min(1000, clampInt(p.Float())))
	}
	r := roundTo(v.Float(), places)
	if places != 0 && math.IsInf(r, 0) {
		r = math.NaN()
	}
	return Num(r), nil
}

func fnSqrt(m *machine, a args) (Value, *Error) {
	v := a.at(0)
	if v.kind == Undefined {
		return v, nil
	}
	if v.Float() < 0 {
		return Value{}, &Error{Code: "D3060", Value: v, index: 1}
	}
	return Num(math.Sqrt(v.Float())), nil
}

func fnPower(m *machine, a args) (Value, *Error) {
	v, e := a.at(0), a.at(1)
	if v.kind == Undefined {
		return v, nil
	}
	r := math.NaN()
	if e.kind == Number {
		if r = math.Pow(v.Float(), e.Float()); math.Abs(v.Float()) == 1 && math.IsInf(e.Float(), 0) {
			r = math.NaN()
		}
	}
	if math.IsInf(r, 0) || math.IsNaN(r) {
		return Value{}, &Error{Code: "D3061", Value: v, exp: e, index: 1}
	}
	return Num(r), nil
}

var (
	decimalText = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?([Ee][-+]?[0-9]+)?$`)
	radixText   = regexp.MustCompile(`^(0[xX][0-9A-Fa-f]+)|(0[oO][0-7]+)|(0[bB][0-1]+)$`)
	radixWhole  = regexp.MustCompile(`^(0[xX][0-9A-Fa-f]+|0[oO][0-7]+|0[bB][0-1]+)$`)
)

func fnNumber(m *machine, a args) (Value, *Error) {
	v := a.at(0)
	switch v.kind {
	case Undefined, Number:
		return v, nil
	case Boolean:
		return Num(float64(v.bits)), nil
	case String:
		s := v.Text()
		if err := m.step(1 + len(s)/16); err != nil {
			return Value{}, err
		}
		if decimalText.MatchString(s) {
			if f, err := strconv.ParseFloat(s, 64); err == nil {
				return Num(f), nil
			}
		} else if trimmed := strings.TrimSpace(s); radixWhole.MatchString(trimmed) && len(trimmed) < 1100 {
			n, ok := new(big.Int).SetString(trimmed, 0)
			if ok && radixText.MatchString(s) {
				f, _ := new(big.Float).SetInt(n).Float64()
				return Num(f), nil
			}
		} else if radixText.MatchString(s) {
			return Num(math.NaN()), nil
		}
	}
	return Value{}, &Error{Code: "D3030", Value: v, index: 1}
}

func fnFormatBase(m *machine, a args) (Value, *Error) {
	v := a.at(0)
	if v.kind == Undefined {
		return v, nil
	}
	f, radix := roundTo(v.Float(), 0), 10.0
	if a.at(1).kind == Number {
		radix = roundTo(a.at(1).Float(), 0)
	}
	if !(radix >= 2 && radix <= 36) {
		return Value{}, &Error{Code: "D3100", Value: Num(radix)}
	}
	if radix == 10 || math.IsInf(f, 0) || math.IsNaN(f) {
		return Str(numberText(f)), nil
	}
	if math.Abs(f) < 1<<53 {
		return Str(strconv.FormatInt(int64(f), int(radix))), nil
	}
	// Beyond exact integers JavaScript gives zeros for the digits that a double does not hold.
	sign := f < 0
	f = math.Abs(f)
	var digits []byte
	for f >= 1<<53 {
		f /= radix
		digits = append(digits, '0')
	}
	f = math.Floor(f)
	for {
		rest := math.Mod(f, radix)
		digits = append(digits, "0123456789abcdefghijklmnopqrstuvwxyz"[int(rest)])
		if f = (f - rest) / radix; f < 1 {
			break
		}
	}
	if sign {
		digits = append(digits, '-')
	}
	slices.Reverse(digits)
	return Str(string(digits)), nil
}

// chance is a number of the caller's chance, at least 0 and below 1.
func (m *machine) chance(name string) (float64, *Error) {
	if m.call.Chance == nil {
		return 0, &Error{Code: "D3137", said: "$" + name + "() needs a source of chance, which this evaluation was not given"}
	}
	return float64(m.call.Chance()>>11) / (1 << 53), nil
}

func fnRandom(m *machine, a args) (Value, *Error) {
	f, err := m.chance("random")
	return Num(f), err
}
