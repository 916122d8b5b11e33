// Command authorize verifies tokens before $connect runs.
package main

import (
	"context"

	"seatmeter/functions/internal/environment"
	"seatmeter/functions/internal/secret"
	"seatmeter/shared/wiring"
)

func main() {
	environment.Start(func(ctx context.Context, env *environment.Environment) (any, error) {
		signer, err := secret.Signer(ctx, env)
		if err != nil {
			return nil, err
		}
		return wiring.Authorize(env.Bare(), signer), nil
	})
}
