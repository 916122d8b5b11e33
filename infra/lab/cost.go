package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"os"
	"strings"
	"text/tabwriter"

	"seatmeter/infra/lab/cost"
)

type costCommand struct {
	Tenants             float64 `default:"1000" help:"Tenants, all with the same load."`
	JoinsPerDay         float64 `default:"100000" help:"Joins a day, of all tenants together."`
	MinutesPerStay      float64 `default:"30" help:"Minutes from a join to its leave."`
	MessagesPerStay     float64 `default:"1" help:"Messages of a client in a stay; each is answered. A client sends at least one, for its resume token."`
	Refusals            float64 `default:"1" help:"Refused joins for a hundred admitted ones."`
	PeoplePerConference float64 `default:"5" help:"People in a conference at the same time."`

	HandlerMS  float64 `name:"handler-ms" default:"30" help:"Milliseconds of a function for one event of a client. Not measured on AWS."`
	RoundMS    float64 `name:"round-ms" default:"1000" help:"Milliseconds of a round of reconciliation, without its waits. Not measured on AWS."`
	RollupMS   float64 `name:"rollup-ms" default:"5000" help:"Milliseconds of a run of the roll-up. Not measured on AWS."`
	MonthsKept float64 `default:"12" help:"Months for which records are kept."`

	Attribute string `placeholder:"FILE" help:"Print each tenant's share of the bill, by a report as CSV from GET /v1/usage (- for standard input), instead of the bill of a load."`
	JSON      bool   `help:"Print one JSON object."`
}

// Help is the command's longer help.
func (costCommand) Help() string {
	return "Prints the bill of a month beside those of two designs from tutorials. DynamoDB's units are measured by tests, on DynamoDB Local; prices are AWS's list prices, in infra/lab/cost/prices.go, with their date and sources. Free tiers, discounts, data sent to the internet and CloudWatch's storage are left out."
}

// mostCounted bounds the flags: a larger number is a mistake.
const mostCounted = 1e12

// Validate runs before Run.
func (c costCommand) Validate() error {
	for name, n := range map[string]float64{
		"tenants": c.Tenants, "joins-per-day": c.JoinsPerDay, "minutes-per-stay": c.MinutesPerStay, "messages-per-stay": c.MessagesPerStay,
		"refusals": c.Refusals, "people-per-conference": c.PeoplePerConference, "handler-ms": c.HandlerMS, "round-ms": c.RoundMS,
		"rollup-ms": c.RollupMS, "months-kept": c.MonthsKept,
	} {
		if math.IsNaN(n) || n < 0 || n > mostCounted {
			return fmt.Errorf("--%s must be from 0 to %g", name, mostCounted)
		}
	}
	if c.PeoplePerConference < 1 {
		return errors.New("--people-per-conference must be at least 1")
	}
	if c.Tenants == 0 && c.JoinsPerDay > 0 {
		return errors.New("--tenants must be at least 1 if there are joins")
	}
	return nil
}

func (c costCommand) load() cost.Load {
	return cost.Load{
		Tenants: c.Tenants, JoinsPerDay: c.JoinsPerDay, MinutesPerStay: c.MinutesPerStay, MessagesPerStay: c.MessagesPerStay,
		RefusalsPercent: c.Refusals, PeoplePerConference: c.PeoplePerConference,
	}
}

func (c costCommand) assumed() cost.Assumptions {
	return cost.Assumptions{
		HandlerMillis: c.HandlerMS, RoundMillis: c.RoundMS, RollupMillis: c.RollupMS, MonthsKept: c.MonthsKept,
	}
}

// Run prints the bill.
func (c costCommand) Run() error {
	if c.Attribute != "" {
		return wrapCost(c.attribute(os.Stdin, os.Stdout))
	}
	return wrapCost(c.bill(os.Stdout))
}

func wrapCost(err error) error {
	if err != nil {
		return fmt.Errorf("cost: %w", err)
	}
	return nil
}

// priced is a design's bill of a load.
type priced struct {
	Name         string      `json:"name"`
	About        string      `json:"about"`
	Services     []line      `json:"services"`
	For          []line      `json:"for"`
	Total        json.Number `json:"dollars_per_month"`
	PerJoins     json.Number `json:"dollars_per_million_joins,omitempty"`
	PerSeatHours json.Number `json:"dollars_per_million_seat_hours,omitempty"`
}

type line struct {
	Name    string      `json:"name"`
	Dollars json.Number `json:"dollars"`
}

// bills computes the bill of the load for every design.
func (c costCommand) bills() []priced {
	counts := c.load().Counts(c.assumed())
	var list []priced
	for _, d := range cost.Designs(c.assumed()) {
		b := d.Bill(counts)
		p := priced{Name: d.Name, About: d.About, Total: dollars(b.Total())}
		p.PerJoins, p.PerSeatHours = perMillion(b.Total(), counts[cost.DriverJoin]), perMillion(b.Total(), counts[cost.DriverSeatHour])
		for _, name := range cost.Services() {
			p.Services = append(p.Services, line{name, dollars(b.Service(name))})
		}
		for _, driver := range cost.Drivers() {
			p.For = append(p.For, line{driver.String(), dollars(b.Of(driver))})
		}
		list = append(list, p)
	}
	return list
}

func (c costCommand) bill(w io.Writer) error {
	list := c.bills()
	counts := c.load().Counts(c.assumed())
	if c.JSON {
		return json.NewEncoder(w).Encode(struct {
			Load        cost.Load        `json:"load"`
			Assumptions cost.Assumptions `json:"assumptions"`
			Designs     []priced         `json:"designs"`
			ProbesMore  json.Number      `json:"dollars_more_if_probes_are_charged"`
			PricesRead  string           `json:"prices_read"`
			Prices      any              `json:"prices"`
			NotVerified []string         `json:"not_verified"`
		}{c.load(), c.assumed(), list, dollars(cost.Probes(counts)), cost.PricesRead, cost.Prices, cost.NotVerified})
	}
	fmt.Fprint(w, c.about(), "\n")
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	row(out, "", list, func(p priced) string { return p.Name })
	for i, service := range list[0].Services {
		row(out, service.Name, list, func(p priced) string { return cents(p.Services[i].Dollars) })
	}
	row(out, "all", list, func(p priced) string { return cents(p.Total) })
	row(out, "per million joins", list, func(p priced) string { return cents(p.PerJoins) })
	row(out, "per million seat-hours", list, func(p priced) string { return cents(p.PerSeatHours) })
	fmt.Fprintln(out, "\t\t\t\t")
	row(out, "what for", list, func(priced) string { return "" })
	for i, driver := range list[0].For {
		row(out, driver.Name, list, func(p priced) string { return cents(p.For[i].Dollars) })
	}
	if err := out.Flush(); err != nil {
		return err
	}
	fmt.Fprint(w, "\nWith as many joins of each tenant:\n")
	for _, one := range c.sizes() {
		fmt.Fprintf(w, "%8.0f tenants: %s dollars a month, %s per million joins\n", one.tenants, cents(one.Total), cents(one.PerJoins))
	}
	fmt.Fprintf(w, "\n%s\n", c.servers())
	for _, p := range list {
		fmt.Fprintf(w, "\n%s: %s\n", p.Name, p.About)
	}
	c.footnotes(w)
	fmt.Fprintf(w, "- Were every stay to end without a leave of its client, by a page that is closed or a lost connection, Seatmeter would cost %s a month more.\n", cents(dollars(cost.Holds(counts))))
	fmt.Fprintf(w, "- A million events that a pool's use has crossed a percentage cost %s, and %s more for each webhook that takes them. An hour for which a pool is above one costs %s for a thousand pools. The table has none of it: what a tenant is told of does not depend on its joins.\n",
		cents(dollars(cost.Crossings(1e6))), cents(dollars(cost.Told(1e6))), cents(dollars(cost.LevelHours(1000))))
	fmt.Fprintf(w, "- Were GetConnection charged as a message, Seatmeter would cost %s a month more.\n", cents(dollars(cost.Probes(counts))))
	return nil
}

// sized is the bill of a number of tenants with the same load each.
type sized struct {
	tenants float64
	priced
}

// sizes computes the bills of fewer and of more tenants.
func (c costCommand) sizes() []sized {
	if c.Tenants == 0 {
		return nil
	}
	var list []sized
	for _, tenants := range []float64{1, 1000, 100_000} {
		one := c
		one.Tenants, one.JoinsPerDay = tenants, c.JoinsPerDay/c.Tenants*tenants
		list = append(list, sized{tenants, one.bills()[0]})
	}
	return list
}

// about describes the load and the prices.
func (c costCommand) about() string {
	return fmt.Sprintf("%.0f tenants; %.0f joins a day, of %v minutes and %v messages each; %v refusals for a hundred joins; %v people in a conference.\n",
		c.Tenants, c.JoinsPerDay, c.MinutesPerStay, c.MessagesPerStay, c.Refusals, c.PeoplePerConference) +
		fmt.Sprintf("Dollars a month at AWS's list prices in us-east-1, looked up on %s.\n", cost.PricesRead)
}

// table is the bill in Markdown.
func (c costCommand) table() string {
	var out strings.Builder
	fmt.Fprint(&out, c.about(), "\n")
	list := c.bills()
	line := func(name string, cell func(priced) string) {
		out.WriteString("| " + name)
		for _, p := range list {
			out.WriteString(" | " + cell(p))
		}
		out.WriteString(" |\n")
	}
	line("", func(p priced) string { return p.Name })
	line("---", func(priced) string { return "---:" })
	for i, service := range list[0].Services {
		line(service.Name, func(p priced) string { return cents(p.Services[i].Dollars) })
	}
	line("all", func(p priced) string { return cents(p.Total) })
	line("per million joins", func(p priced) string { return cents(p.PerJoins) })
	line("per million seat-hours", func(p priced) string { return cents(p.PerSeatHours) })
	out.WriteString("\nWith as many joins of each tenant:\n\n| tenants | dollars a month | per million joins |\n| ---: | ---: | ---: |\n")
	for _, one := range c.sizes() {
		fmt.Fprintf(&out, "| %.0f | %s | %s |\n", one.tenants, cents(one.Total), cents(one.PerJoins))
	}
	fmt.Fprintf(&out, "\n%s\n", c.servers())
	return out.String()
}

// servers tells what the seats of servers cost, which the load has none of.
func (c costCommand) servers() string {
	s, million := cost.Servers(c.assumed()), big.NewRat(1_000_000, 1)
	of := func(dollarsEach *big.Rat) string { return cents(dollars(new(big.Rat).Mul(dollarsEach, million))) }
	return fmt.Sprintf("Seats of servers, which the load has none of: %s dollars for a million stays without their renewals; %s for a million renewals by calls of their own, %s by calls that renew 25 seats of one block.",
		of(s.Stay), of(s.Renewal), of(s.Together))
}

func row(out io.Writer, name string, list []priced, cell func(priced) string) {
	fmt.Fprint(out, name)
	for _, p := range list {
		fmt.Fprint(out, "\t", cell(p))
	}
	fmt.Fprintln(out, "\t")
}

func (c costCommand) footnotes(w io.Writer) {
	fmt.Fprintf(w, "\nAssumed, not measured on AWS: functions take %v ms for an event of a client, a round of reconciliation %v ms without its waits, the roll-up and the audits %v ms; records are kept for %v months.\n",
		c.HandlerMS, c.RoundMS, c.RollupMS, c.MonthsKept)
	fmt.Fprintln(w, "Left out: free tiers, discounts, reports and other calls of the HTTP API, data sent to the internet, the storage of logs. The cost of a seat is that of a pool of 25 seats, with empty caches; large pools cost a little more.")
	fmt.Fprintln(w, "\nNot verified:")
	for _, what := range cost.NotVerified {
		fmt.Fprintln(w, "-", what)
	}
}

// part is a tenant's share of the bill.
type part struct {
	Tenant string      `json:"tenant"`
	Joins  int64       `json:"joins"`
	Hours  json.Number `json:"seat_hours"`
	Own    json.Number `json:"own_dollars"`
	Shared json.Number `json:"shared_dollars"`
	Total  json.Number `json:"dollars"`
}

// attribute prints each tenant's share.
func (c costCommand) attribute(stdin io.Reader, w io.Writer) error {
	in := stdin
	if c.Attribute != "-" {
		file, err := os.Open(c.Attribute)
		if err != nil {
			return err
		}
		defer file.Close()
		in = file
	}
	list, err := cost.ReadUsage(in)
	if err != nil {
		return err
	}
	shares, bill := cost.Attribute(cost.Ours(c.assumed()), list, c.MessagesPerStay, c.assumed())
	const millisPerHour = 3_600_000
	parts := make([]part, len(shares))
	for i, s := range shares {
		parts[i] = part{s.Tenant, s.Joins, dollars(big.NewRat(s.SeatsMillis, millisPerHour)), dollars(s.Own), dollars(s.Shared), dollars(s.Total())}
	}
	if c.JSON {
		return json.NewEncoder(w).Encode(struct {
			Tenants     []part           `json:"tenants"`
			Total       json.Number      `json:"dollars"`
			Assumptions cost.Assumptions `json:"assumptions"`
			PricesRead  string           `json:"prices_read"`
			NotVerified []string         `json:"not_verified"`
		}{parts, dollars(bill.Total()), c.assumed(), cost.PricesRead, cost.NotVerified})
	}
	fmt.Fprintf(w, "Dollars at AWS's list prices in us-east-1, looked up on %s. Common costs are shared in proportion to joins.\n\n", cost.PricesRead)
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "tenant\tjoins\tseat-hours\tits own\tshared\tall\t")
	for _, p := range parts {
		fmt.Fprintf(out, "%s\t%d\t%s\t%s\t%s\t%s\t\n", p.Tenant, p.Joins, cents(p.Hours), fine(p.Own), fine(p.Shared), fine(p.Total))
	}
	fmt.Fprintf(out, "all\t\t\t\t\t%s\t\n", fine(dollars(bill.Total())))
	if err := out.Flush(); err != nil {
		return err
	}
	c.footnotes(w)
	return nil
}

// dollars rounds to a millionth, for programs.
func dollars(r *big.Rat) json.Number {
	const places = 6
	return json.Number(r.FloatString(places))
}

func perMillion(total, n *big.Rat) json.Number {
	const million = 1_000_000
	if n == nil || n.Sign() == 0 {
		return ""
	}
	each := new(big.Rat).Quo(total, n)
	return dollars(each.Mul(each, big.NewRat(million, 1)))
}

// cents rounds to cents, and fine to hundredths of cents, for people.
func cents(n json.Number) string { return places(n, 2) }

func fine(n json.Number) string { return places(n, 4) }

func places(n json.Number, digits int) string {
	r, ok := new(big.Rat).SetString(string(n))
	if !ok {
		return "-"
	}
	return r.FloatString(digits)
}
