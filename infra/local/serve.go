package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"seatmeter/infra/local/buckets"
	"seatmeter/infra/local/template"
)

type apiListeners struct{ http, webSocket net.Listener }

// listenAPIs opens the ports of both APIs and sets their endpoints.
func (s *Stack) listenAPIs(ctx context.Context, stage string) (apis apiListeners, err error) {
	if apis.http, err = s.listen(ctx, s.options.HTTPPort, "--http-port"); err != nil {
		return apis, err
	}
	if apis.webSocket, err = s.listen(ctx, s.options.WSPort, "--ws-port"); err != nil {
		return apis, err
	}
	s.Endpoints.HTTP = "http://" + apis.http.Addr().String()
	s.Endpoints.Console = s.Endpoints.HTTP + "/console/"
	s.Endpoints.WebSocket = "ws://" + apis.webSocket.Addr().String() + "/" + stage
	return apis, nil
}

// listen opens a port on 127.0.0.1.
func (s *Stack) listen(ctx context.Context, port int, flag string) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("port %d is taken, perhaps by another stack; %s chooses another", port, flag)
	}
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	s.onClose(func(context.Context) error {
		if err := listener.Close(); !errors.Is(err, net.ErrClosed) { // the server has closed it by then
			return err
		}
		return nil
	})
	return listener, nil
}

// serveBuckets serves the buckets on a free port.
func (s *Stack) serveBuckets(ctx context.Context, list []template.Bucket) error {
	made, err := buckets.New(s.options.TablePrefix, list)
	if err != nil {
		return err
	}
	listener, err := s.listen(ctx, 0, "")
	if err != nil {
		return err
	}
	s.Endpoints.Exports = "http://" + listener.Addr().String()
	s.serve(listener, made)
	return nil
}

// serve serves a listener until the stack is closed.
func (s *Stack) serve(listener net.Listener, handler http.Handler) {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(s.options.Log.Handler(), slog.LevelWarn),
	}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.fail(fmt.Errorf("serve %s: %w", listener.Addr(), err))
		}
	}()
	s.onClose(func(ctx context.Context) error {
		if err := server.Shutdown(ctx); err != nil {
			return errors.Join(fmt.Errorf("stop serving %s: %w", listener.Addr(), err), server.Close())
		}
		return nil
	})
}

// run runs a function until the stack is closed.
func (s *Stack) run(f func(context.Context)) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f(ctx)
	}()
	s.onClose(func(ctx context.Context) error {
		stop()
		select {
		case <-ended:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("stop schedules and streams: %w", ctx.Err())
		}
	})
}
