package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"seatmeter/shared/gateway"
)

// answered is a platform that answers every question at once.
type answered struct{}

// Do implements aws.HTTPClient.
func (answered) Do(*http.Request) (*http.Response, error) {
	body := `{"connectedAt":"2026-11-30T12:00:00Z","identity":{"sourceIp":"192.0.2.1","userAgent":"x"},"lastActiveAt":"2026-11-30T12:00:00Z"}`
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// probeMicros measures the CPU of a probe by the SDK, without the network's.
func probeMicros(ctx context.Context) (float64, error) {
	const probes = 5000
	g := gateway.New(aws.Config{Region: "local", HTTPClient: answered{}, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}, "https://example.com/live")
	before, err := consumptionNow()
	if err != nil {
		return 0, err
	}
	for range probes {
		if alive, err := g.Alive(ctx, "MadeUpByUsMCFIA="); err != nil || !alive {
			return 0, fmt.Errorf("probe: alive %t: %w", alive, err)
		}
	}
	after, err := consumptionNow()
	return (after.micros - before.micros) / probes, err
}
