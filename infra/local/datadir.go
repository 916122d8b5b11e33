package local

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	lockFile         = "lock"
	demoLockFile     = "demo.lock"
	joinTokenKeyFile = "join-token.key"
	cursorKeyFile    = "cursor.key"
	engineDir        = "dynamodb"
	keySize          = 32
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

// secretKey reads a key from a file, or creates it. The caller has claimed the
// directory.
func secretKey(dir, file string) ([]byte, error) {
	path := filepath.Join(dir, file)
	key, err := os.ReadFile(path)
	if err == nil && len(key) == keySize {
		return key, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	key = make([]byte, keySize)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("make %s: %w", file, err)
	}
	if err := os.WriteFile(path, key, 0o600); err != nil {
		return nil, fmt.Errorf("write %s: %w", file, err)
	}
	return key, nil
}
