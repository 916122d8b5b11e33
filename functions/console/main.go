// Command console serves what is open to everyone: health, what describes the APIs, the console.
package main

import (
	"context"

	"seatmeter/functions/internal/environment"
	"seatmeter/shared/httpapi"
	"seatmeter/shared/wsapi"
)

func main() {
	environment.Start(func(_ context.Context, env *environment.Environment) (any, error) {
		messages, err := wsapi.AsyncAPI()
		if err != nil {
			return nil, err
		}
		return httpapi.Serve(httpapi.Console(env.Log, messages)), nil
	})
}
