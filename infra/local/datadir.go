package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const (
	lockFile     = "lock"
	demoLockFile = "demo.lock"
	engineDir    = "dynamodb"
)

// ErrInUse means that another stack runs on the data directory.
var ErrInUse = errors.New("another stack is running on it")

// claim creates the data directory and locks it until the file is closed or the
// process ends.
func claim(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	return lock(dir, lockFile)
}

func lock(dir, file string) (*os.File, error) {
	made, err := os.OpenFile(filepath.Join(dir, file), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("claim data directory: %w", err)
	}
	if err := flock(made); err != nil {
		return nil, errors.Join(fmt.Errorf("data directory %s: %w", dir, err), made.Close())
	}
	return made, nil
}

// AwaitDemo locks the data directory for a demo, since each needs all seats. If
// another demo runs, it calls waiting and waits. The lock ends when the file is
// closed or the process ends.
func AwaitDemo(ctx context.Context, dir string, waiting func()) (*os.File, error) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		turn, err := lock(dir, demoLockFile)
		if !errors.Is(err, ErrInUse) {
			return turn, err
		}
		if waiting != nil {
			waiting()
			waiting = nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}
