package apigateway

import (
	"encoding/binary"
	"errors"
	"math"
	"net"
)

// The errors of a read when the client sends frames that the gateway refuses.
var (
	errTooBig = errors.New("frame or message too big")
	errBinary = errors.New("binary frame")
)

// frameConn checks the frames of a client's connection. AWS limits frames, but the
// WebSocket library reports only messages, so the headers are parsed here too (RFC
// 6455, section 5.2).
type frameConn struct {
	net.Conn
	// early has the bytes that arrived with the handshake.
	early   []byte
	scanner frameScanner
	touch   func()
	// refused is true once a read has reported a refused frame.
	refused bool
}

func (c *frameConn) Read(p []byte) (int, error) {
	switch {
	case c.refused:
		return 0, c.drain()
	case c.scanner.refuses():
		c.refused = true
		return 0, c.scanner.refusal
	}
	n, err := c.next(p)
	fine := c.scanner.scan(p[:n])
	switch {
	case !c.scanner.refuses():
		return n, err
	case fine > 0:
		return fine, nil
	}
	c.refused = true
	return 0, c.scanner.refusal
}

func (c *frameConn) next(p []byte) (int, error) {
	if len(c.early) > 0 {
		n := copy(p, c.early)
		c.early = c.early[n:]
		return n, nil
	}
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.touch()
	}
	return n, err
}

// drain discards data up to the client's close frame. Closing a connection with
// unread data would reset it, and the client would not get the server's close frame.
func (c *frameConn) drain() error {
	p := make([]byte, 4096)
	for !c.scanner.closed {
		n, err := c.next(p)
		if err != nil {
			return err
		}
		c.scanner.scan(p[:n])
	}
	return c.scanner.refusal
}

const (
	opcodeContinuation  = 0
	opcodeBinary        = 2
	opcodeFirstControl  = 8
	opcodeClose         = 8
	maxFrameHeaderBytes = 14
)

// frameScanner parses the frame headers of a stream.
type frameScanner struct {
	maxFrame, maxMessage int64

	header [maxFrameHeaderBytes]byte
	have   int
	// payload is how much of the current frame is to come. message is the length of
	// the current message so far.
	payload, message int64

	// refusal is why the first refused frame is refused.
	refusal error
	closed  bool
}

// scan parses b. It returns how much of b precedes the header of the first refused
// frame, if there is one.
func (s *frameScanner) scan(b []byte) int {
	fine := len(b)
	for i := 0; i < len(b); {
		if s.payload > 0 {
			step := min(s.payload, int64(len(b)-i))
			s.payload -= step
			i += int(step)
			continue
		}
		s.header[s.have] = b[i]
		s.have++
		i++
		if s.have < s.headerBytes() {
			continue
		}
		start, before := i-s.have, s.refuses()
		s.begin()
		if s.refuses() && !before {
			fine = max(start, 0)
		}
	}
	return fine
}

// headerBytes is the length of the header, as far as it is known.
func (s *frameScanner) headerBytes() int {
	if s.have < 2 {
		return 2
	}
	n := 2
	switch s.header[1] & 0x7f {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if s.header[1]&0x80 != 0 {
		n += 4
	}
	return n
}

// begin starts the frame whose header is complete.
func (s *frameScanner) begin() {
	s.have = 0
	length := uint64(s.header[1] & 0x7f)
	switch length {
	case 126:
		length = uint64(binary.BigEndian.Uint16(s.header[2:]))
	case 127:
		length = binary.BigEndian.Uint64(s.header[2:])
	}
	s.payload = int64(min(length, math.MaxInt64))
	opcode := s.header[0] & 0x0f
	if opcode >= opcodeFirstControl {
		s.closed = s.closed || opcode == opcodeClose
		return
	}
	if opcode != opcodeContinuation {
		s.message = 0
	}
	if opcode == opcodeBinary {
		s.refuse(errBinary)
		return
	}
	if s.payload > s.maxFrame || s.message+s.payload > s.maxMessage {
		s.refuse(errTooBig)
		return
	}
	s.message += s.payload
}

// refuses reports whether a frame was refused.
func (s *frameScanner) refuses() bool { return s.refusal != nil }

func (s *frameScanner) refuse(why error) {
	if s.refusal == nil {
		s.refusal = why
	}
}
