// Package api reads the settings of the HTTP API's functions.
package api

import (
	"context"
	"fmt"

	"seatmeter/functions/internal/environment"
	"seatmeter/functions/internal/secret"
	"seatmeter/shared/httpapi"
	"seatmeter/shared/wiring"
	"seatmeter/shared/wiring/api"
)

// cursorSecretID is the variable with the id of the cursors' secret, which
// template.yaml sets.
const cursorSecretID = "CURSOR_SECRET_ID" //nolint:gosec // names the secret, and is none

// NewProcess adds to a process what every function of the HTTP API needs.
func NewProcess(ctx context.Context, env *environment.Environment, p wiring.Process) (api.Process, error) {
	seal, err := seal(ctx, env)
	if err != nil {
		return api.Process{}, err
	}
	return api.Process{Process: p, Seal: seal, CallsPerSecond: env.CallsPerSecond()}, nil
}

// seal returns nil if the variable is not set, which environment.Start reports.
func seal(ctx context.Context, env *environment.Environment) (*httpapi.Seal, error) {
	key, err := secret.Read(ctx, env, cursorSecretID)
	if key == nil || err != nil {
		return nil, err
	}
	sealed, err := httpapi.NewSeal(key)
	if err != nil {
		return nil, fmt.Errorf("use the cursor secret: %w", err)
	}
	return sealed, nil
}
