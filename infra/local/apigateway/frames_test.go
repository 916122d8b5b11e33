package apigateway

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

// However a stream is cut into reads, the same frames are found in it, and exactly what comes
// before a frame that is not taken is passed on.
func TestFramesAreFoundAcrossReads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const maxFrame, maxMessage = 300, 700
		var stream []byte
		var refusal error
		fine, message := -1, 0
		for range rapid.IntRange(0, 6).Draw(t, "frames") {
			opcode := rapid.SampledFrom([]byte{0, 1, 2, 9, 10}).Draw(t, "opcode")
			length := rapid.SampledFrom([]int{0, 1, 125, 126, 300, 301, 70_000}).Draw(t, "length")
			if opcode >= 8 {
				length = min(length, 125)
			}
			masked := rapid.Bool().Draw(t, "masked")
			if opcode < 8 {
				if opcode != 0 {
					message = 0
				}
				message += length
				switch {
				case fine >= 0:
				case opcode == opcodeBinary:
					fine, refusal = len(stream), errBinary
				case length > maxFrame || message > maxMessage:
					fine, refusal = len(stream), errTooBig
				}
			}
			stream = appendFrame(stream, opcode, length, masked)
		}
		ended := rapid.Bool().Draw(t, "ended")
		if ended {
			stream = appendFrame(stream, opcodeClose, 2, true)
		}
		s := frameScanner{maxFrame: maxFrame, maxMessage: maxMessage}
		passed, rest := 0, stream
		for len(rest) > 0 {
			n := rapid.IntRange(1, len(rest)).Draw(t, "read")
			before := s.refusal
			got := s.scan(rest[:n])
			if before == nil {
				passed += got
			}
			rest = rest[n:]
		}
		if !errors.Is(s.refusal, refusal) {
			t.Fatalf("refused with %v, want %v", s.refusal, refusal)
		}
		if s.closed != ended {
			t.Fatalf("closed is %t", s.closed)
		}
		// A header that came in parts has been passed on in part: harmless, for it is no frame yet.
		if refusal != nil && (passed < fine || passed >= fine+maxFrameHeaderBytes) {
			t.Fatalf("passed on %d bytes, want %d", passed, fine)
		}
		if refusal == nil && passed != len(stream) {
			t.Fatalf("passed on %d of %d bytes", passed, len(stream))
		}
	})
}

func appendFrame(b []byte, opcode byte, length int, masked bool) []byte {
	var mask byte
	if masked {
		mask = 0x80
	}
	b = append(b, 0x80|opcode)
	switch {
	case length < 126:
		b = append(b, mask|byte(length))
	case length <= 0xffff:
		b = append(b, mask|126, byte(length>>8), byte(length))
	default:
		b = append(b, mask|127, 0, 0, 0, 0, 0, byte(length>>16), byte(length>>8), byte(length))
	}
	if masked {
		b = append(b, 0, 0, 0, 0)
	}
	return append(b, bytes.Repeat([]byte{0x88}, length)...)
}
