// Command seatmeter runs Seatmeter on one machine and tries it out.
package main

import (
	"os"

	"seatmeter/infra/command"
)

type commands struct {
	Dev       devCommand       `cmd:"" help:"Run the local stack until interrupted."`
	Token     tokenCommand     `cmd:"" help:"Print a bearer for the HTTP API, alone on standard output."`
	Demo      demoCommand      `cmd:"" help:"Let thirty clients contend for the 25 seats of acme, on a running stack."`
	Books     booksCommand     `cmd:"" help:"Check that every seat ever taken is accounted for."`
	Report    reportCommand    `cmd:"" help:"Print what a tenant used in a month."`
	Recompute recomputeCommand `cmd:"" help:"Compute a bill again from the ledger, and compare it with the statement."`
	Rotate    rotateCommand    `cmd:"" help:"Replace the keys of join tokens and cursors."`
	Deploy    deployCommand    `cmd:"" help:"Check everything, deploy to AWS, and try it."`
	Smoke     smokeCommand     `cmd:"" help:"Try a deployed system by its URLs: a license, joins, refusals, the report."`
	Engine    engineCommand    `cmd:"" help:"Run a command with DYNAMODB_ENDPOINT naming a DynamoDB Local of its own."`
	Stack     stackCommand     `cmd:"" help:"Run a command beside a local stack of its own."`

	Asyncapi asyncapiCommand `cmd:"" hidden:"" help:"Print the AsyncAPI document, from which the client's types are generated."`
	Openapi  openapiCommand  `cmd:"" hidden:"" help:"Print the OpenAPI document, from which the console's types are generated."`
	Gotest   gotestCommand   `cmd:"" hidden:"" help:"Run go test, and say what it has come to, package by package."`
}

func program() command.Program {
	return command.Program{
		Name: "seatmeter", About: "Conferencing licenses enforced at the door: the local stack and its tools.", Commands: new(commands),
	}
}

func main() { os.Exit(int(program().Execute(os.Args[1:], os.Stderr))) }
