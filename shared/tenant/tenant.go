// Package tenant names tenants: the customer organisations that hold licenses.
package tenant

import (
	"seatmeter/shared/problem"
)

// MaxIDLength bounds tenant and conference ids, in bytes. Both stand in the
// keys of seat blocks, which must stay under 1 KB.
const MaxIDLength = 64

// ID is a tenant's id: letters, digits, '-' and '_', 1 to 64 of them.
type ID string

// ParseID checks an id that came from outside.
// An id that could not name a tenant is answered as a tenant that does not
// exist, so that the two cannot be told apart.
func ParseID(text string) (ID, error) {
	if !IsID(text) {
		return "", problem.New(problem.NotFound, "There is no such tenant.")
	}
	return ID(text), nil
}

// IsID tells whether text has the form shared by tenant and conference ids.
func IsID(text string) bool {
	if text == "" || len(text) > MaxIDLength {
		return false
	}
	for _, c := range []byte(text) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		digit := c >= '0' && c <= '9'
		if !letter && !digit && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
