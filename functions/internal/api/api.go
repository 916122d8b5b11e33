// Package api reads the settings of the HTTP API's functions.
package api

import (
	"context"

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
	ring, err := secret.Ring(ctx, env, cursorSecretID)
	if err != nil {
		return api.Process{}, err
	}
	return api.Process{Process: p, Seal: httpapi.NewSeal(ring), CallsPerSecond: env.CallsPerSecond(), Claims: env.Claims()}, nil
}
