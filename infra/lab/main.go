// Command lab measures Seatmeter, prices it, and tries to break it.
package main

import (
	"os"

	"seatmeter/infra/command"
)

type commands struct {
	Bench benchCommand `cmd:"" help:"Measure joins and usage beside what they are built on and held against."`
	Chaos chaosCommand `cmd:"" help:"Let clients contend for seats while everything around them fails, and count what is lost."`
	Cost  costCommand  `cmd:"" help:"Say what so many joins cost on AWS at list prices, and what each tenant has its part in."`
	Page  pageCommand  `cmd:"" help:"Print the figures of the last runs, and the bill, into infra/lab/README.md."`

	Sockets socketsCommand `cmd:"" hidden:"" help:"The clients of bench sockets."`
}

func main() {
	lab := command.Program{
		Name: "lab", About: "What measures Seatmeter, prices it, and tries to break it.", Commands: new(commands),
	}
	os.Exit(int(lab.Execute(os.Args[1:], os.Stderr)))
}
