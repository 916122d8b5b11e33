package apigateway

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
)

// connectionID identifies a connection, and is what events call connectionId.
type connectionID string

// apiID stands where AWS has an API's generated id.
const apiID = "local"

// newID makes an id that looks as AWS's do: 11 bytes, in the base64 that is safe in URLs, padding
// included ("R1kmxc2VNjMCFIA=").
func newID() string {
	var b [11]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.URLEncoding.EncodeToString(b[:])
}

// newUUID makes a version 4 UUID, which is what Lambda's request ids are.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
