// Command message handles the $default route: it answers clients' messages.
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
		return wiring.Message(env.Process(), env.Gateway(), env.JoinsPerSecond(), signer), nil
	})
}
