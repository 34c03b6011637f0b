package jsonata

import (
	"math"
	"strconv"
)

// appendNumber writes a number as JavaScript does.
func appendNumber(b []byte, f float64) []byte {
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return strconv.AppendInt(b, int64(f), 10) // -0 is 0
	}
	switch {
	case math.IsNaN(f):
		return append(b, "NaN"...)
	case math.IsInf(f, 1):
		return append(b, "Infinity"...)
	case math.IsInf(f, -1):
		return append(b, "-Infinity"...)
	}
	if a := math.Abs(f); a >= 1e-6 && a < 1e21 {
		return strconv.AppendFloat(b, f, 'f', -1, 64)
	}
	start := len(b)
	b = strconv.AppendFloat(b, f, 'e', -1, 64)
	// Go pads the exponent to two digits, JavaScript does not.
	for i := start; i < len(b); i++ {
		if b[i] == 'e' {
			if len(b) > i+3 && b[i+2] == '0' {
				b = append(b[:i+2], b[i+3:]...)
			}
			break
		}
	}
	return b
}

// numberText is a number as JavaScript prints it.
func numberText(f float64) string {
	var buf [32]byte
	return string(appendNumber(buf[:0], f))
}

// fifteen rounds to fifteen significant digits, as $string prints what is no integer.
func fifteen(f float64) float64 {
	if f == math.Trunc(f) || math.IsInf(f, 0) || math.IsNaN(f) {
		return f
	}
	var buf [32]byte
	g, err := strconv.ParseFloat(string(strconv.AppendFloat(buf[:0], f, 'e', 14, 64)), 64)
	if err != nil {
		return f
	}
	return g
}

// shift multiplies by a power of ten through the decimal text, without the rounding errors of a multiplication.
func shift(f float64, by int) float64 {
	if f == 0 || math.IsNaN(f) || math.IsInf(f, 0) {
		return f
	}
	var buf [40]byte
	b := strconv.AppendFloat(buf[:0], f, 'e', -1, 64)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] == 'e' {
			exp, _ := strconv.Atoi(string(b[i+1:]))
			b = strconv.AppendInt(b[:i+1], int64(exp+by), 10)
			break
		}
	}
	g, _ := strconv.ParseFloat(string(b), 64) // out of range is an infinity, as wanted
	return g
}

// roundTo rounds to a number of decimal places, halves to the even neighbour.
func roundTo(f float64, places int) float64 {
	if places != 0 {
		f = shift(f, places)
	}
	r := math.Floor(f + 0.5)
	if f >= 1<<52 || f <= -1<<52 {
		r = f
	}
	if r-f == 0.5 && math.Mod(r, 2) != 0 || f-r == 0.5 && math.Mod(r, 2) != 0 {
		r--
	}
	if places != 0 {
		r = shift(r, -places)
	}
	return r + 0 // not -0
}
