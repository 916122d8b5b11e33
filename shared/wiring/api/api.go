// Package api puts the functions of the HTTP API together, which differ in their
// operations alone.
package api

import (
	"fmt"
	"log/slog"

	"seatmeter/shared/export"
	"seatmeter/shared/httpapi"
	"seatmeter/shared/licensing"
	"seatmeter/shared/pool"
	"seatmeter/shared/rate"
	"seatmeter/shared/rollup"
	"seatmeter/shared/statement"
	"seatmeter/shared/wiring"
	"seatmeter/shared/wsapi"

	"seatmeter/shared/occupancy"
)

// Process is what every function of the HTTP API has.
type Process struct {
	wiring.Process
	// Seal is that of the cursors of lists.
	Seal           *httpapi.Seal
	CallsPerSecond int
}

// empty is an API without operations.
func (p Process) empty() *httpapi.API {
	return httpapi.New(httpapi.Config{
		Seal: p.Seal, Keys: p.Store, Now: p.Now, Audit: p.Store, Log: p.Log,
		Limiter: rate.NewLimiter(p.Store, p.Log), CallsPerSecond: p.CallsPerSecond,
	})
}

func (p Process) licensing() *licensing.Licensing {
	return licensing.New(p.Store, pool.New(p.Store, pool.Sleep))
}

// Licenses is the function of tenants and their licenses.
func Licenses(p Process) any {
	pools := pool.New(p.Store, pool.Sleep)
	terms := licensing.New(p.Store, pools)
	a := p.empty()
	a.AddLicenses(terms, occupancy.New(p.Store, pools, terms), p.Store)
	return httpapi.Serve(a)
}

// Hosts is the function of named hosts.
func Hosts(p Process) any {
	a := p.empty()
	a.AddHosts(p.licensing(), p.Store)
	return httpapi.Serve(a)
}

// Conferences is the function of conferences, connections and join tokens.
func Conferences(p Process, gateway wiring.Gateway, tokens httpapi.JoinTokens) any {
	r := p.Rooms(gateway)
	a := p.empty()
	a.AddConferences(r.Licensing, r.Meetings, p.Store)
	a.AddConnections(r.Licensing, r.Meetings, r.Occupancy, p.Store, tokens)
	return httpapi.Serve(a)
}

// Usage is the function of reports, and of the ledger and the audit log.
func Usage(p Process, exports *export.Exports) any {
	pools := pool.New(p.Store, pool.Sleep)
	terms := licensing.New(p.Store, pools)
	a := p.empty()
	a.AddUsage(terms, occupancy.New(p.Store, pools, terms), p.Store, exports)
	a.AddLedger(terms, p.Store, exports)
	a.AddAudit(p.Store)
	return httpapi.Serve(a)
}

// Statements is the function of statements.
func Statements(p Process) any {
	a := p.empty()
	a.AddStatements(statement.NewCloser(p.Store, rollup.New(p.Store, p.Log, p.Now), p.Now), p.Store)
	return httpapi.Serve(a)
}

// Console is the function of what is open to everyone. It needs no store.
func Console(log *slog.Logger) (any, error) {
	messages, err := wsapi.AsyncAPI()
	if err != nil {
		return nil, fmt.Errorf("describe the messages: %w", err)
	}
	return httpapi.Serve(httpapi.Console(log, messages)), nil
}
