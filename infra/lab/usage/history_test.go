//go:build cgo

// Package usage_test compares usage reports with SQL over the same records.
package usage_test

import (
	"fmt"
	"iter"
	"math"
	"testing"
	"time"

	"seatmeter/shared/seat"
	"seatmeter/shared/timezone"
	"seatmeter/shared/usage"
)

// forever is after every moment of a history, in Unix milliseconds.
const forever = 4_000_000_000_000

// history is a tenant's ledger as of a time.
type history struct {
	limits   usage.Limits
	parts    []usage.Stay
	refusals []usage.Refusal
	waits    []usage.Wait
	asOf     int64
}

func (h history) records() usage.Records {
	return usage.Records{Stays: h.parts, Refusals: h.refusals, Waits: h.waits}
}

func (h history) report(periods []usage.Period) []usage.Row {
	return usage.Report(periods, h.limits, h.records(), h.asOf)
}

// known is the stays as they were known at asOf: a connection that was open
// then is open still, unless that is longer than a connection can last.
func (h history) known() []usage.Stay {
	var known []usage.Stay
	for _, p := range h.parts {
		if p.JoinedAtMillis >= h.asOf {
			continue
		}
		if most := p.JoinedAtMillis + usage.MaxStayMillis; p.LeftAtMillis == 0 || p.LeftAtMillis > most {
			p.LeftAtMillis = most
		}
		if p.LeftAtMillis > h.asOf {
			p.LeftAtMillis = math.MaxInt64
		}
		known = append(known, p)
	}
	return known
}

// part is a connection of the n-th stay, in the tenant's pool.
func part(n int) usage.Stay {
	return usage.Stay{
		ID: usage.StayID(fmt.Sprintf("stay-%d", n)), Tenant: "acme", Conference: "weekly",
		Connection: seat.ConnectionID(fmt.Sprintf("connection-%d=", n)),
		Block:      seat.Block{Pool: seat.Pool{Tenant: "acme"}}, Seat: int64(n), Limit: 25,
	}
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	location, err := timezone.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return location
}

func every[T any](list []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, item := range list {
			if !yield(item, nil) {
				return
			}
		}
	}
}
