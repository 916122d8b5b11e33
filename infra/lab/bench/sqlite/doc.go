// Package sqlite computes a month's usage in SQL from the ledger's records, as the
// roll-up's peer in the benchmark. It needs cgo.
package sqlite
