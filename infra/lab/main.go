// Command lab measures Seatmeter, computes its bill, and tests it under faults.
package main

import (
	"os"

	"seatmeter/infra/command"
)

type commands struct {
	Bench benchCommand `cmd:"" help:"Measure joins, usage, functions and sockets, each beside a peer in the same run."`
	Chaos chaosCommand `cmd:"" help:"Let clients contend for seats while events, functions and the database fail, and count lost seats."`
	Drill drillCommand `cmd:"" help:"Back up under load, restore, serve with what is restored, and check it."`
	Cost  costCommand  `cmd:"" help:"Print the bill of a number of joins at AWS's list prices, or each tenant's share of it."`
	Page  pageCommand  `cmd:"" help:"Write the figures of the last runs, and the bill, into infra/lab/README.md."`

	Sockets socketsCommand `cmd:"" hidden:"" help:"The clients of bench sockets."`
}

func main() {
	lab := command.Program{
		Name: "lab", About: "Measures Seatmeter, computes its bill, and tests it under faults.", Commands: new(commands),
	}
	os.Exit(int(lab.Execute(os.Args[1:], os.Stderr)))
}
