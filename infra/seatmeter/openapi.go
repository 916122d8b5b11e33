package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/aws/aws-lambda-go/lambda"

	"seatmeter/shared/httpapi"
	"seatmeter/shared/wiring"
	"seatmeter/shared/wiring/api"
)

type openapiCommand struct{}

// Run prints the document, as the function console answers it.
func (openapiCommand) Run(ctx context.Context) error {
	handle, err := api.Console(wiring.Process{Log: slog.New(slog.DiscardHandler)}, httpapi.Site{})
	if err != nil {
		return err
	}
	var request httpapi.Event
	request.RawPath, request.RequestContext.HTTP.Method = "/v1/openapi.json", http.MethodGet
	event, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("write the request: %w", err)
	}
	answer, err := lambda.NewHandler(handle).Invoke(ctx, event)
	if err != nil {
		return fmt.Errorf("ask for the document: %w", err)
	}
	var response httpapi.Response
	if err := json.Unmarshal(answer, &response); err != nil || response.StatusCode != http.StatusOK {
		return fmt.Errorf("the document is answered %d (%w)", response.StatusCode, err)
	}
	fmt.Println(response.Body)
	return nil
}
