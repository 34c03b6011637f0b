package eventpattern

import (
	"math"
	"strconv"
)

// comparable gives the number that a JSON number stands for, if the shortest decimal form of its nearest float64 is the
// very number, which is what event-ruler compares; others are compared by their text alone.
func comparable[T string | []byte](text T) (float64, bool) {
	if len(text) == 0 || len(text) > digitsMax {
		return 0, false
	}
	i, neg := 0, false
	if text[0] == '-' {
		i, neg = 1, true
	}
	if n := len(text) - i; n > 0 && n <= 15 {
		whole := 0.0
		for ; i < len(text); i++ {
			c := text[i]
			if c < '0' || c > '9' {
				break
			}
			whole = whole*10 + float64(c-'0')
		}
		if i == len(text) {
			if neg && whole != 0 {
				whole = -whole
			}
			return whole, true
		}
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return 0, false
	}
	if f == 0 {
		f = 0 // the negative zero is zero
	}
	var shortest, given decimal
	var room [32]byte
	if !shortest.set(strconv.AppendFloat(room[:0], f, 'e', -1, 64)) || !given.set([]byte(text)) {
		return 0, false
	}
	if len(shortest.digits) == 1 { // Java writes two digits at least, which differ for the smallest numbers of all
		shortest = decimal{}
		shortest.set(strconv.AppendFloat(room[:0], f, 'e', 1, 64))
	}
	return f, shortest == given
}

// decimal is a number's digits without zeros at either end, and where its point stands.
type decimal struct {
	digits string
	point  int
	neg    bool
}

// exponentMax bounds the exponents looked at; no float64 is beyond it.
const exponentMax = 100000

func (d *decimal) set(text []byte) bool {
	i := 0
	if i < len(text) && text[i] == '-' {
		d.neg, i = true, 1
	}
	digits := make([]byte, 0, len(text))
	seen := false
	for ; i < len(text); i++ {
		c := text[i]
		if c == '.' {
			seen = true
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		if len(digits) == 0 && c == '0' {
			if seen {
				d.point--
			}
			continue
		}
		digits = append(digits, c)
		if !seen {
			d.point++
		}
	}
	if i < len(text) {
		if text[i]|32 != 'e' {
			return false
		}
		e, err := strconv.Atoi(string(text[i+1:]))
		if err != nil || e > exponentMax || e < -exponentMax {
			return false
		}
		d.point += e
	}
	for len(digits) > 0 && digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
	}
	if d.digits = string(digits); d.digits == "" {
		d.point, d.neg = 0, false
	}
	return true
}
