// Command conferences manages conferences, connections, join tokens and servers' seats.
package main

import (
	"context"

	"seatmeter/functions/internal/api"
	"seatmeter/functions/internal/environment"
	"seatmeter/functions/internal/secret"
	"seatmeter/shared/httpapi"
	wired "seatmeter/shared/wiring/api"
)

func main() {
	environment.Start(func(ctx context.Context, env *environment.Environment) (any, error) {
		signer, err := secret.Signer(ctx, env)
		if err != nil {
			return nil, err
		}
		process, err := api.NewProcess(ctx, env, env.Process())
		if err != nil {
			return nil, err
		}
		process.JoinsPerSecond = env.JoinsPerSecond()
		tokens := httpapi.JoinTokens{Signer: signer, WebSocketURL: env.Get("WEBSOCKET_URL")}
		return wired.Conferences(process, env.Gateway(), tokens), nil
	})
}
