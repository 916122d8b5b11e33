package httpapi

import (
	"regexp"
	"strconv"
	"strings"
)

// numberForm matches a JSON number: its sign, its digits before and after the point,
// and its exponent.
var numberForm = regexp.MustCompile(`^(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$`)

// maxDigits bounds the digits of a whole number, so that it fits 64 bits.
const maxDigits = 18

// wholeNumber returns a number without a fraction in plain digits: 25.0 and 2.5e1 are
// integers to JSON Schema, but not to Go. It returns false for any other number, and
// for one too large.
func wholeNumber(text string) (string, bool) {
	parts := numberForm.FindStringSubmatch(text)
	if parts == nil {
		return "", false
	}
	exponent := 0
	if parts[4] != "" {
		var err error
		if exponent, err = strconv.Atoi(parts[4]); err != nil {
			return "", false
		}
	}
	digits := strings.TrimRight(parts[2]+parts[3], "0")
	before := len(parts[2]) + exponent // how many digits are before the point
	switch {
	case digits == "":
		return "0", true
	case before > maxDigits || len(digits) > before:
		return "", false
	}
	digits = strings.TrimLeft(digits+strings.Repeat("0", before-len(digits)), "0")
	return parts[1] + digits, true
}
