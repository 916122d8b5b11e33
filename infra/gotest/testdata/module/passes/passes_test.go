package passes

import "testing"

func TestPasses(t *testing.T) { t.Log("what passes says") }

func TestSkips(t *testing.T) { t.Skip("not here") }
