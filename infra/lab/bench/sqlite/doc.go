// Package sqlite computes a month's usage in SQL, from the ledger's records, for
// the benchmark to hold the roll-up against. It needs cgo.
package sqlite
