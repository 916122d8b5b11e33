package local

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"seatmeter/shared/keys"
)

// The files with the keys, in the data directory.
const (
	joinTokenKeyFile = "join-token.key"
	cursorKeyFile    = "cursor.key"
)

const keySize = 32

// keyFiles implements keys.Source by two files: the current key's path, and the same
// with .previous.
type keyFiles string

// openKeyFiles makes the first key if there is none. The caller has claimed the
// directory.
func openKeyFiles(dir, file string) (keyFiles, error) {
	k := keyFiles(filepath.Join(dir, file))
	key, err := os.ReadFile(string(k))
	switch {
	case err == nil && len(key) >= keys.MinLength:
		return k, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return k, fmt.Errorf("read %s: %w", file, err)
	}
	return k, writeKey(string(k), newSecret())
}

// RotateKeys replaces the keys of a data directory, as PutSecretValue does on AWS: the
// current ones become the previous ones. A running stack goes on, and takes both.
func RotateKeys(dataDir string) error {
	for _, file := range []string{joinTokenKeyFile, cursorKeyFile} {
		k, err := openKeyFiles(dataDir, file)
		if err != nil {
			return err
		}
		key, err := k.Current(context.Background())
		if err != nil {
			return err
		}
		if err := writeKey(k.previous(), key); err != nil {
			return err
		}
		if err := writeKey(string(k), newSecret()); err != nil {
			return err
		}
	}
	return nil
}

func (k keyFiles) previous() string { return string(k) + ".previous" }

// Current implements keys.Source.
func (k keyFiles) Current(context.Context) ([]byte, error) {
	key, err := os.ReadFile(string(k))
	if err != nil {
		return nil, fmt.Errorf("read a key: %w", err)
	}
	return key, nil
}

// Previous implements keys.Source.
func (k keyFiles) Previous(context.Context) ([]byte, error) {
	key, err := os.ReadFile(k.previous())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the previous key: %w", err)
	}
	return key, nil
}

func newSecret() []byte {
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // it never fails, by its documentation
	return key
}

// writeKey replaces a file as a whole, so that a reader finds the old key or the new.
func writeKey(path string, key []byte) error {
	err := os.WriteFile(path+".new", key, 0o600)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("write a key: %w", err)
	}
	return nil
}
