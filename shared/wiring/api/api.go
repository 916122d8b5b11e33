// Package api builds the functions of the HTTP API. They differ only in their
// operations.
package api

import (
	"fmt"

	"seatmeter/shared/console"
	"seatmeter/shared/courier"
	"seatmeter/shared/crossing"
	"seatmeter/shared/httpapi"
	"seatmeter/shared/jobs"
	"seatmeter/shared/lease"
	"seatmeter/shared/licensing"
	"seatmeter/shared/pool"
	"seatmeter/shared/queue"
	"seatmeter/shared/rate"
	"seatmeter/shared/seat"
	"seatmeter/shared/webhook"
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
	// JoinsPerSecond limits each tenant's joins, where a function admits any.
	JoinsPerSecond int
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

// Licenses builds the function for tenants and licenses. A tenant is deleted so many days
// after the request.
func Licenses(p Process, deleteAfterDays int) wiring.Function {
	pools := pool.New(p.Store, pool.Sleep)
	terms := licensing.New(p.Store, pools)
	a := p.empty()
	a.AddLicenses(terms, occupancy.New(p.Store, pools, terms), p.Store)
	a.AddDeletion(terms, occupancy.New(p.Store, pools, terms), p.Store, deleteAfterDays)
	return p.Function("licenses", p.Claims.Serve(a))
}

// Hosts builds the function for hosts.
func Hosts(p Process) wiring.Function {
	a := p.empty()
	a.AddHosts(p.licensing(), p.Store)
	a.AddPeople(p.Store)
	return p.Function("hosts", p.Claims.Serve(a))
}

// Conferences builds the function for conferences, connections, queues and join tokens
// and the seats of servers.
func Conferences(p Process, gateway wiring.Gateway, tokens httpapi.JoinTokens) wiring.Function {
	d := p.Domain(gateway)
	a := p.empty()
	a.AddConferences(d.Licensing, d.Meetings, p.Store)
	a.AddConnections(d.Licensing, d.Meetings, d.Occupancy, p.Store, tokens)
	queues := queue.New(p.Store, d.Pools, p.Store)
	a.AddQueue(queues, p.Store)
	a.AddSeats(httpapi.Seats{
		Admissions: p.Admissions(d, p.JoinsPerSecond), Leases: lease.New(p.Store, d.Departures, queues), Licensing: d.Licensing, Occupancy: d.Occupancy, Crossings: d.Crossings, Store: p.Store,
		NewID: seat.NewServerID,
	})
	return p.Function("conferences", p.Claims.Serve(a))
}

// Signals builds the function that tells other systems of events, and serves the calls
// on webhooks. The guard says where webhooks may be; the bus may be nil.
func Signals(p Process, guard webhook.Guard, bus courier.Bus, ticker jobs.Ticker) wiring.Function {
	sender := webhook.NewSender(guard, p.Now)
	a := p.empty()
	a.AddWebhooks(httpapi.WebhookConfig{Licensing: p.licensing(), Store: p.Store, Sender: sender, Guard: guard})
	c := courier.New(courier.Config{Store: p.Store, Bus: bus, Sender: sender, Log: p.Log, Now: p.Now})
	return p.Function("signals", jobs.NewSignals(c, crossing.New(p.Store, p.Log), ticker, p.Now, p.Claims.Serve(a)).Handle)
}

// Usage builds the function for reports, the ledger, the audit log and exports.
func Usage(p Process, files httpapi.Files) wiring.Function {
	pools := pool.New(p.Store, pool.Sleep)
	terms := licensing.New(p.Store, pools)
	a := p.empty()
	a.AddUsage(terms, occupancy.New(p.Store, pools, terms), p.Store, files)
	a.AddLedger(terms, p.Store, files)
	a.AddAudit(p.Store)
	a.AddExport(p.Store, files)
	return p.Function("usage", p.Claims.Serve(a))
}

// Statements builds the function for statements.
func Statements(p Process, files httpapi.Files) wiring.Function {
	a := p.empty()
	a.AddStatements(p.Closer(0), p.Store, files)
	return p.Function("statements", p.Claims.Serve(a))
}

// Console builds the function for everything that needs no bearer. It needs no store.
// The site's files are those that are built in.
func Console(p wiring.Process, site httpapi.Site) (wiring.Function, error) {
	messages, err := wsapi.AsyncAPI()
	if err != nil {
		return wiring.Function{}, fmt.Errorf("describe the messages: %w", err)
	}
	site.Files = console.Files()
	handler, err := httpapi.Console(p.Log, messages, site)
	if err != nil {
		return wiring.Function{}, fmt.Errorf("serve the console: %w", err)
	}
	return p.Function("console", httpapi.Serve(handler)), nil
}
