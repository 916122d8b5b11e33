package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const endpointsFile = "endpoints.json"

// ErrNotRunning means that no stack runs on the data directory.
var ErrNotRunning = errors.New("no stack is running there")

// Endpoints are a running stack's URLs.
type Endpoints struct {
	HTTP      string `json:"http"`
	WebSocket string `json:"websocket"`
	Console   string `json:"console"`
	// DynamoDB is empty for tables in memory.
	DynamoDB string `json:"dynamodb"`
	// Exports is the address of the links to large answers.
	Exports string `json:"exports"`
}

// ReadEndpoints reads the endpoints of the stack on a data directory.
func ReadEndpoints(dataDir string) (Endpoints, error) {
	text, err := os.ReadFile(filepath.Join(dataDir, endpointsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Endpoints{}, fmt.Errorf("data directory %s: %w (start one with ./scripts/dev)", dataDir, ErrNotRunning)
	}
	if err != nil {
		return Endpoints{}, fmt.Errorf("read endpoints: %w", err)
	}
	var e Endpoints
	if err := json.Unmarshal(text, &e); err != nil {
		return Endpoints{}, fmt.Errorf("read %s: %w", filepath.Join(dataDir, endpointsFile), err)
	}
	return e, nil
}

// announce writes the file atomically, since others poll for it.
func (e Endpoints) announce(dataDir string) (err error) {
	text, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return fmt.Errorf("write endpoints: %w", err)
	}
	draft, err := os.CreateTemp(dataDir, endpointsFile+".*")
	if err != nil {
		return fmt.Errorf("write endpoints: %w", err)
	}
	_, err = draft.Write(append(text, '\n'))
	err = errors.Join(err, draft.Close())
	if err == nil {
		err = os.Rename(draft.Name(), filepath.Join(dataDir, endpointsFile))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write endpoints: %w", err), os.Remove(draft.Name()))
	}
	return nil
}

func withdraw(dataDir string) error {
	err := os.Remove(filepath.Join(dataDir, endpointsFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove endpoints: %w", err)
	}
	return nil
}
