// Package api builds the functions of the HTTP API. They differ only in their
// operations.
package api

import (
	"fmt"
	"log/slog"

	"seatmeter/shared/console"
	"seatmeter/shared/httpapi"
	"seatmeter/shared/licensing"
	"seatmeter/shared/pool"
	"seatmeter/shared/queue"
	"seatmeter/shared/rate"
	"seatmeter/shared/wiring"
	"seatmeter/shared/wsapi"

	"seatmeter/shared/occupancy"
)

// Process has what every function of the HTTP API needs.
type Process struct {
	wiring.Process
	// Seal encrypts the cursors of lists.
	Seal           *httpapi.Seal
	CallsPerSecond int
	Claims         httpapi.Claims
}

// empty returns an API without operations.
func (p Process) empty() *httpapi.API {
	return httpapi.New(httpapi.Config{
		Seal: p.Seal, Keys: p.Store, Now: p.Now, Audit: p.Store, Log: p.Log,
		Limiter: rate.NewLimiter(p.Store, p.Log), CallsPerSecond: p.CallsPerSecond,
	})
}

func (p Process) licensing() *licensing.Licensing {
	return licensing.New(p.Store, pool.New(p.Store, pool.Sleep))
}

// Licenses builds the function for tenants and licenses.
func Licenses(p Process) any {
	pools := pool.New(p.Store, pool.Sleep)
	terms := licensing.New(p.Store, pools)
	a := p.empty()
	a.AddLicenses(terms, occupancy.New(p.Store, pools, terms), p.Store)
	return p.Claims.Serve(a)
}

// Hosts builds the function for hosts.
func Hosts(p Process) any {
	a := p.empty()
	a.AddHosts(p.licensing(), p.Store)
	return p.Claims.Serve(a)
}

// Conferences builds the function for conferences, connections, queues and join
// tokens.
func Conferences(p Process, gateway wiring.Gateway, tokens httpapi.JoinTokens) any {
	d := p.Domain(gateway)
	a := p.empty()
	a.AddConferences(d.Licensing, d.Meetings, p.Store)
	a.AddConnections(d.Licensing, d.Meetings, d.Occupancy, p.Store, tokens)
	a.AddQueue(queue.New(p.Store, d.Pools, p.Store), p.Store)
	return p.Claims.Serve(a)
}

// Usage builds the function for reports, the ledger and the audit log.
func Usage(p Process, files httpapi.Files) any {
	pools := pool.New(p.Store, pool.Sleep)
	terms := licensing.New(p.Store, pools)
	a := p.empty()
	a.AddUsage(terms, occupancy.New(p.Store, pools, terms), p.Store, files)
	a.AddLedger(terms, p.Store, files)
	a.AddAudit(p.Store)
	return p.Claims.Serve(a)
}

// Statements builds the function for statements.
func Statements(p Process, files httpapi.Files) any {
	a := p.empty()
	a.AddStatements(p.Closer(0), p.Store, files)
	return p.Claims.Serve(a)
}

// Console builds the function for everything that needs no bearer. It needs no store.
// The site's files are those that are built in.
func Console(log *slog.Logger, site httpapi.Site) (any, error) {
	messages, err := wsapi.AsyncAPI()
	if err != nil {
		return nil, fmt.Errorf("describe the messages: %w", err)
	}
	site.Files = console.Files()
	handler, err := httpapi.Console(log, messages, site)
	if err != nil {
		return nil, fmt.Errorf("serve the console: %w", err)
	}
	return httpapi.Serve(handler), nil
}
