// Package api begins the functions of the HTTP API, which differ in their
// operations alone.
package api

import (
	"context"
	"fmt"
	"time"

	"seatmeter/functions/internal/environment"
	"seatmeter/functions/internal/secret"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/httpapi"
	"seatmeter/shared/rate"
)

// cursorSecretID is the variable that names the secret of cursors, as
// template.yaml sets it.
const cursorSecretID = "CURSOR_SECRET_ID" //nolint:gosec // names the secret, and is none

// New makes an API without operations: its cursors sealed, its calls limited, and
// keys and the audit log kept in a store.
func New(ctx context.Context, env *environment.Environment, store *dynamo.Store) (*httpapi.API, error) {
	seal, err := seal(ctx, env)
	if err != nil {
		return nil, err
	}
	api := httpapi.New(env.Log, seal)
	api.LimitCalls(rate.NewLimiter(store, env.Log), env.CallsPerSecond())
	api.KeepKeys(store, time.Now)
	api.KeepAudit(store)
	return api, nil
}

// seal is nil where the secret is not named, which environment.Start reports.
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
