// Package sqlite computes a month's usage in SQL, from the ledger's records, for
// the benchmark to hold the roll-up against. It needs cgo, and takes a while to
// compile: commands that are to start quickly leave it out.
package sqlite
