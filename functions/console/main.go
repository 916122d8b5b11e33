// Command console serves what is open to everyone: health, OpenAPI, the console.
package main

import (
	"context"

	"seatmeter/functions/internal/environment"
	"seatmeter/shared/httpapi"
)

func main() {
	environment.Start(func(_ context.Context, env *environment.Environment) (any, error) {
		handler, err := httpapi.Console(env.Log)
		if err != nil {
			return nil, err
		}
		return httpapi.Serve(handler), nil
	})
}
