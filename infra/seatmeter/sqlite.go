//go:build sqlite

package main

import "seatmeter/infra/bench/sqlite"

// loadSQLite is compiled in for scripts/bench alone: SQLite takes a while, and
// the other commands are to start at once.
var loadSQLite = sqlite.Load
