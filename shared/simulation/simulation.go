// Package simulation is a placeholder.
package simulation
