package panics

import "testing"

func TestPanics(*testing.T) { panic("what panics says") }

func TestNeverBegun(*testing.T) {}
