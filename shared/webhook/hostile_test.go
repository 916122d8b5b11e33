package webhook_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"seatmeter/shared/webhook"
)

// answering serves a receiver that reads a request, and answers in its own way on the
// connection.
func answering(t *testing.T, answer func(net.Conn, *http.Request)) (address string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				r, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, r.Body)
				answer(conn, r)
			}()
		}
	}()
	return "http://" + listener.Addr().String()
}

// attempt makes an attempt, whose time ends when the receiver says so.
func attempt(ctx context.Context, t *testing.T, address string) webhook.Attempt {
	t.Helper()
	done := make(chan webhook.Attempt, 1)
	go func() { done <- webhook.NewSender(webhook.NewGuard(true), time.Now).Send(ctx, to(address), crossed) }()
	select {
	case a := <-done:
		return a
	case <-time.After(2 * webhook.AttemptTimeout):
		t.Fatal("the attempt does not end")
		return webhook.Attempt{}
	}
}

// The body of an answer with the status 101 is the connection itself, to which a time-out
// means nothing.
func TestAReceiverThatSwitchesProtocolsHoldsNobody(t *testing.T) {
	held := make(chan struct{})
	defer close(held)
	address := answering(t, func(conn net.Conn, _ *http.Request) {
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n")
		<-held
	})
	if a := attempt(t.Context(), t, address); a.OK() || a.Status != http.StatusSwitchingProtocols {
		t.Errorf("the attempt: %+v", a)
	}
}

func TestAnAnswerThatTricklesEndsWithTheAttempt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	held := make(chan struct{})
	defer close(held)
	address := answering(t, func(conn net.Conn, _ *http.Request) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx")
		cancel() // as the time-out does, in ten seconds
		<-held
	})
	attempt(ctx, t, address) // the status may have come in time or not
}

func TestAHeadThatIsTooLargeFails(t *testing.T) {
	for what, head := range map[string]string{
		"one header":     "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n",
		"many headers":   "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: x\r\n", 1<<17) + "\r\n",
		"many answers":   strings.Repeat("HTTP/1.1 103 Early Hints\r\nX: x\r\n\r\n", 1<<15) + "HTTP/1.1 200 OK\r\n\r\n",
		"a status line":  "HTTP/1.1 200 " + strings.Repeat("x", 1<<20) + "\r\n\r\n",
		"no HTTP at all": "220 mail.example.com ESMTP\r\n",
	} {
		address := answering(t, func(conn net.Conn, _ *http.Request) { _, _ = io.WriteString(conn, head) })
		if a := attempt(t.Context(), t, address); a.OK() || a.Status != 0 || a.Detail == "" {
			t.Errorf("%s: %+v", what, a)
		}
	}
}

// A function on Lambda is frozen between its runs, and a connection that its receiver closed
// meanwhile would fail the next attempt.
func TestEachAttemptHasAConnectionOfItsOwn(t *testing.T) {
	address := answering(t, func(conn net.Conn, r *http.Request) {
		if !r.Close || r.Header.Get("Accept-Encoding") != "" {
			t.Errorf("sent %v", r.Header)
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") // and then it closes
	})
	sender := webhook.NewSender(webhook.NewGuard(true), time.Now)
	for n := range 5 {
		if a := sender.Send(t.Context(), to(address), crossed); !a.OK() {
			t.Errorf("attempt %d: %+v", n, a)
		}
	}
}
