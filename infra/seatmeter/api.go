package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"seatmeter/infra/client"
	"seatmeter/infra/local"
)

// bearerVariable has the bearer for a deployment. Other users of a machine can see
// arguments, but not this.
const bearerVariable = "SEATMETER_BEARER"

// apiFlags say which HTTP API to call.
type apiFlags struct {
	dataFlag

	URL string `placeholder:"URL" help:"The HTTP API of a deployment, with a bearer in SEATMETER_BEARER (default: the local stack's)."`
}

func (f apiFlags) Validate() error {
	if f.URL != "" && os.Getenv(bearerVariable) == "" {
		return errors.New("--url needs a bearer in " + bearerVariable)
	}
	return nil
}

func (f apiFlags) open() (*client.Admin, error) {
	if f.URL != "" {
		return client.NewAdmin(f.URL, os.Getenv(bearerVariable)), nil
	}
	dir, err := f.dir()
	if err != nil {
		return nil, err
	}
	endpoints, err := local.ReadEndpoints(dir)
	if err != nil {
		return nil, err
	}
	bearer, err := mint(dir, "vendor", "")
	if err != nil {
		return nil, err
	}
	return client.NewAdmin(endpoints.HTTP, bearer), nil
}

// periodLayout is the format of a month.
const periodLayout = "2006-01"

// validPeriod refuses a text that is no month.
func validPeriod(text string) error {
	if _, err := time.Parse(periodLayout, text); err != nil {
		return fmt.Errorf("--period %s is not a month, such as 2026-11", text)
	}
	return nil
}
