package fails

import "testing"

func TestFails(t *testing.T) {
	t.Run("fine", func(*testing.T) {})
	t.Run("isn't/that (odd)?", func(t *testing.T) { t.Error("what fails says") })
}

func TestPasses(*testing.T) {}
