// Command livekit licenses the rooms of a LiveKit server: nobody is in a room without a
// seat of Seatmeter.
//
// Terms: a room is a conference. A person is the one for whom a token is made. An
// identity is the name of a participant in LiveKit: <person>#<seat>.
//
// It takes a seat before it signs a token (tokens.go). It renews the seats of the
// participants that LiveKit lists, and removes participants without a seat (watch.go). A
// webhook of LiveKit gives a seat back at once (webhook.go); without webhooks, the seat
// lapses.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// settings are what the server is started with.
type settings struct {
	Listen string `env:"LISTEN" default:"127.0.0.1:7890" help:"Where to listen, for the product's backend and LiveKit's webhooks."`
	Bearer string `env:"BACKEND_BEARER" required:"" help:"What the product's backend sends as its bearer: 32 characters or more."`

	LiveKitURL       string `name:"livekit-url" env:"LIVEKIT_URL" default:"http://127.0.0.1:7880" help:"LiveKit's API."`
	LiveKitPublicURL string `name:"livekit-public-url" env:"LIVEKIT_PUBLIC_URL" default:"ws://127.0.0.1:7880" help:"Where clients connect to LiveKit: the url of answers."`
	APIKey           string `name:"livekit-api-key" env:"LIVEKIT_API_KEY" required:"" help:"A key of LiveKit's, which signs tokens and webhooks."`
	APISecret        string `name:"livekit-api-secret" env:"LIVEKIT_API_SECRET" required:"" help:"The secret of that key."`

	SeatmeterURL string `name:"seatmeter-url" env:"SEATMETER_URL" required:"" help:"Seatmeter's HTTP API."`
	BearerFile   string `name:"seatmeter-bearer-file" env:"SEATMETER_BEARER_FILE" required:"" help:"A file with a bearer of the role server. It is read for each call, so that it may be replaced."`
	Tenant       string `env:"SEATMETER_TENANT" help:"Whose rooms these are: a room's name is the conference's id. Without it, rooms are named <tenant>/<conference>."`

	TTL  time.Duration `name:"seat-ttl" env:"SEAT_TTL" default:"30s" help:"How long a seat lasts without a renewal: 10s to 1h. It is renewed at a third of that; a token is valid for two thirds, and at most a minute."`
	Poll time.Duration `env:"POLL" default:"1s" help:"How often LiveKit is asked who is in: up to 1s, so that whoever has no seat is sent out within 2s."`
}

// Validate implements kong's interface.
func (s *settings) Validate() error {
	switch {
	case len(s.Bearer) < 32:
		return errors.New("BACKEND_BEARER must have 32 characters or more")
	case s.TTL < 10*time.Second || s.TTL > time.Hour || s.TTL%time.Second != 0:
		return errors.New("SEAT_TTL must be 10s to 1h, in whole seconds")
	case s.Poll < 10*time.Millisecond || s.Poll > time.Second:
		return errors.New("POLL must be 10ms to 1s")
	}
	return nil
}

func main() {
	var s settings
	kong.Parse(&s, kong.Name("livekit"), kong.Description("Licenses the rooms of a LiveKit server by Seatmeter's seats."))
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, s, log)
	stop()
	if err != nil {
		log.Error("the server ends", "error", err)
		os.Exit(1)
	}
}

// run serves until ctx ends. Seats that are taken then lapse, unless another process goes
// on with them.
func run(ctx context.Context, s settings, log *slog.Logger) error {
	l := newLicenser(s, log)
	server := &http.Server{Addr: s.Listen, Handler: l.handler(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second}
	go func() {
		<-ctx.Done()
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		_ = server.Shutdown(ending) // whoever still waits then has to ask again
	}()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		l.watch(ctx)
	}()
	log.Info("serving", "at", s.Listen)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	<-watched
	return nil
}
