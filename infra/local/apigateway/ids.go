package apigateway

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
)

// connectionID is a connection's id, connectionId in events.
type connectionID string

// apiID is in the place of AWS's generated id of an API.
const apiID = "local"

// newID returns an id in AWS's format: 11 bytes in URL-safe base64 with padding
// ("R1kmxc2VNjMCFIA=").
func newID() string {
	var b [11]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.URLEncoding.EncodeToString(b[:])
}

// newUUID returns a version 4 UUID, the format of Lambda's request ids.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
