// Command licenses manages tenants and their licenses.
package main

import (
	"context"

	"seatmeter/functions/internal/environment"
	"seatmeter/shared/admission"
	"seatmeter/shared/httpapi"
)

func main() {
	environment.Start(func(_ context.Context, env *environment.Environment) (any, error) {
		store, api := env.Store(), httpapi.New(env.Log)
		api.AddLicenses(admission.NewDoor(store, nil, env.Log), store)
		return httpapi.Serve(api), nil
	})
}
