package attr

import "bytes"

// DigitsMax is how many significant digits a number may have, ExponentMin and ExponentMax the range of the power of ten
// of its first digit.
const (
	DigitsMax   = 38
	ExponentMin = -130
	ExponentMax = 125
	// numberTextMax bounds the text that is read as a number: leading and trailing zeros may be many.
	numberTextMax = 1 << 16
)

// Refusals of numbers, in AWS's words.
const (
	msgNotNumeric  = "The parameter cannot be converted to a numeric value"
	msgOverflow    = "Number overflow. Attempting to store a number with magnitude larger than supported range"
	msgUnderflow   = "Number underflow. Attempting to store a number with magnitude smaller than supported range"
	msgTooManyDigs = "Attempting to store more than 38 significant digits in a Number"
)

// Number is a number's encoding: it sorts bytewise as numbers do, equal numbers have equal bytes, and its length is the
// size that AWS counts. Digits stand in pairs. The first byte holds sign and power of a hundred, each further byte one
// pair plus one; a negative number holds the complements and ends with 102, which makes a longer one smaller. Zero is
// the single byte 0x80.
type Number []byte

const (
	numberZero = 0x80
	expBias    = 65 // the smallest power of a hundred is -65
)

// NumberBytesMax is the longest encoding: the first byte, 20 pairs (38 digits that begin in the middle of one) and the
// end of a negative number.
const NumberBytesMax = 22

// AppendNumber appends the encoding of a number's text.
func AppendNumber(dst []byte, text []byte) ([]byte, error) {
	if len(text) == 0 {
		return dst, invalid(msgNotNumeric)
	}
	if len(text) > numberTextMax {
		return dst, invalid(msgTooManyDigs)
	}
	i, neg := 0, false
	if text[0] == '-' || text[0] == '+' {
		neg = text[0] == '-'
		i++
	}
	var digits [DigitsMax + 1]byte
	n := 0           // significant digits kept, trailing zeros included
	seen := false    // any digit at all
	point := false   // the decimal point was met
	exp := -1        // power of ten of the first significant digit, before the exponent is added
	zeros := 0       // zeros after the last kept digit that is not zero
	tooMany := false // a digit other than zero lies beyond the 38th
	for ; i < len(text); i++ {
		c := text[i]
		if c == '.' {
			if point {
				return dst, notNumeric(text)
			}
			point = true
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		seen = true
		switch {
		case n == 0 && c == '0':
			if point {
				exp--
			}
			continue
		case !point:
			exp++
		}
		if c == '0' {
			zeros++
			continue
		}
		for ; zeros > 0 && n <= DigitsMax; zeros-- {
			digits[n] = 0
			n++
		}
		zeros = 0
		if n >= DigitsMax {
			tooMany = true
			n = DigitsMax + 1
			continue
		}
		digits[n] = c - '0'
		n++
	}
	if !seen {
		return dst, notNumeric(text)
	}
	if i < len(text) {
		if text[i] != 'e' && text[i] != 'E' {
			return dst, notNumeric(text)
		}
		i++
		eneg := false
		if i < len(text) && (text[i] == '-' || text[i] == '+') {
			eneg = text[i] == '-'
			i++
		}
		if i == len(text) {
			return dst, notNumeric(text)
		}
		e := 0
		for ; i < len(text); i++ {
			if text[i] < '0' || text[i] > '9' {
				return dst, notNumeric(text)
			}
			if e < 1<<20 {
				e = e*10 + int(text[i]-'0')
			}
		}
		if eneg {
			e = -e
		}
		exp += e
	}
	switch {
	case n == 0:
		return append(dst, numberZero), nil
	case exp > ExponentMax:
		return dst, invalid(msgOverflow)
	case exp < ExponentMin:
		return dst, invalid(msgUnderflow)
	case tooMany:
		return dst, invalid(msgTooManyDigs)
	}
	return appendDigits(dst, neg, digits[:n], exp), nil
}

func notNumeric(text []byte) error { return invalid(msgNotNumeric + ": " + string(text)) }

// appendDigits appends the encoding of digits (first and last not zero) whose first stands at 10^exp.
func appendDigits(dst []byte, neg bool, digits []byte, exp int) []byte {
	pair := exp >> 1 // rounds down
	head := byte(numberZero + expBias + pair)
	if neg {
		head = byte(0x7f - (expBias + pair))
	}
	dst = append(dst, head)
	i := 0
	if exp&1 == 0 {
		dst = append(dst, pairByte(neg, digits[0]))
		i = 1
	}
	for ; i < len(digits); i += 2 {
		d := digits[i] * 10
		if i+1 < len(digits) {
			d += digits[i+1]
		}
		dst = append(dst, pairByte(neg, d))
	}
	if neg {
		dst = append(dst, 102)
	}
	return dst
}

func pairByte(neg bool, d byte) byte {
	if neg {
		return 101 - d
	}
	return d + 1
}

// unpack reads the pairs of an encoding into to; power is the power of a hundred of the first.
func (n Number) unpack(to *[NumberBytesMax]byte) (pairs []byte, power int, neg bool) {
	if len(n) <= 1 {
		return nil, 0, false
	}
	if n[0] >= numberZero {
		for i, b := range n[1:] {
			to[i] = b - 1
		}
		return to[:len(n)-1], int(n[0]) - numberZero - expBias, false
	}
	for i, b := range n[1 : len(n)-1] {
		to[i] = 101 - b
	}
	return to[:len(n)-2], 0x7f - int(n[0]) - expBias, true
}

// valid tells whether bytes are the encoding of a number.
func (n Number) valid() bool {
	switch {
	case len(n) == 0 || len(n) > NumberBytesMax:
		return false
	case len(n) == 1:
		return n[0] == numberZero
	case n[0] >= numberZero:
		for _, b := range n[1:] {
			if b < 1 || b > 100 {
				return false
			}
		}
		return n[1] != 1 && n[len(n)-1] != 1
	}
	if len(n) < 3 || n[len(n)-1] != 102 {
		return false
	}
	for _, b := range n[1 : len(n)-1] {
		if b < 2 || b > 101 {
			return false
		}
	}
	return n[1] != 101 && n[len(n)-2] != 101
}

// AppendText appends the number as AWS returns it: plain, without an exponent, without needless zeros.
func (n Number) AppendText(dst []byte) []byte {
	var buf [NumberBytesMax]byte
	pairs, power, neg := n.unpack(&buf)
	if len(pairs) == 0 {
		return append(dst, '0')
	}
	if neg {
		dst = append(dst, '-')
	}
	if power < 0 {
		dst = append(dst, '0', '.')
		for i := -1; i > power; i-- {
			dst = append(dst, '0', '0')
		}
		return appendPairs(dst, pairs, false)
	}
	whole := min(power+1, len(pairs))
	dst = appendPairs(dst, pairs[:whole], true)
	for i := whole; i <= power; i++ {
		dst = append(dst, '0', '0')
	}
	if whole == len(pairs) {
		return dst
	}
	return appendPairs(append(dst, '.'), pairs[whole:], false)
}

// appendPairs appends pairs of digits, the first without its leading zero where first is set, the last of a fraction
// without its trailing one.
func appendPairs(dst, pairs []byte, first bool) []byte {
	for i, p := range pairs {
		if !(first && i == 0 && p < 10) {
			dst = append(dst, '0'+p/10)
		}
		if !first && i == len(pairs)-1 && p%10 == 0 {
			continue
		}
		dst = append(dst, '0'+p%10)
	}
	return dst
}

// String is the number's text.
func (n Number) String() string { return string(n.AppendText(nil)) }

// CompareNumbers orders numbers by their value.
func CompareNumbers(a, b Number) int { return bytes.Compare(a, b) }

// AppendSum appends a+b, or a-b where minus is set, exactly; a sum that needs more than 38 digits is refused.
func AppendSum(dst []byte, a, b Number, minus bool) ([]byte, error) {
	var bufA, bufB [NumberBytesMax]byte
	pa, ea, na := a.unpack(&bufA)
	pb, eb, nb := b.unpack(&bufB)
	if minus {
		nb = !nb
	}
	switch {
	case len(pb) == 0:
		return append(dst, a...), nil
	case len(pa) == 0 && !minus:
		return append(dst, b...), nil
	case len(pa) == 0:
		ea = eb
	}
	const width = 48
	high := max(ea, eb) + 1                // power of the place for a carry
	low := min(ea-len(pa)+1, eb-len(pb)+1) // power of the last pair
	if len(pa) == 0 {                      // 0 - b
		low = eb - len(pb) + 1
	}
	span := high - low + 1
	if span > width {
		return dst, invalid(msgTooManyDigs)
	}
	var acc [width]int16
	add := func(pairs []byte, e int, neg bool) {
		at := high - e
		for i, p := range pairs {
			if neg {
				acc[at+i] -= int16(p)
			} else {
				acc[at+i] += int16(p)
			}
		}
	}
	add(pa, ea, na)
	add(pb, eb, nb)
	neg := false
	for _, v := range acc[:span] {
		if v != 0 {
			neg = v < 0
			break
		}
	}
	carry := int16(0)
	for i := span - 1; i >= 0; i-- {
		v := acc[i]
		if neg {
			v = -v
		}
		v += carry
		carry = 0
		if v < 0 {
			v += 100
			carry = -1
		} else if v >= 100 {
			v -= 100
			carry = 1
		}
		acc[i] = v
	}
	var digits [2 * width]byte
	n, exp := 0, 0
	for i, v := range acc[:span] {
		for half, d := range [2]byte{byte(v / 10), byte(v % 10)} {
			if n == 0 {
				if d == 0 {
					continue
				}
				exp = 2*(high-i) + 1 - half
			}
			digits[n] = d
			n++
		}
	}
	for n > 0 && digits[n-1] == 0 {
		n--
	}
	switch {
	case n == 0:
		return append(dst, numberZero), nil
	case exp > ExponentMax:
		return dst, invalid(msgOverflow)
	case exp < ExponentMin:
		return dst, invalid(msgUnderflow)
	case n > DigitsMax:
		return dst, invalid(msgTooManyDigs)
	}
	return appendDigits(dst, neg, digits[:n], exp), nil
}

// appendInt appends the encoding of a count.
func appendInt(dst []byte, v int) []byte {
	var digits [20]byte
	n := len(digits)
	end, exp := n, -1
	for ; v > 0; v /= 10 {
		n--
		digits[n] = byte(v % 10)
		exp++
	}
	for end > n && digits[end-1] == 0 {
		end--
	}
	if n == end {
		return append(dst, numberZero)
	}
	return appendDigits(dst, false, digits[n:end], exp)
}
