package chaos

import (
	"os"
	"testing"
	"time"

	"seatmeter/infra/local"
)

type logWriter struct{ t *testing.T }

func (w logWriter) Write(p []byte) (int, error) {
	w.t.Log(string(p))
	return len(p), nil
}

// The chaos of ./scripts/chaos for half a minute, and then until every seat is
// back.
func TestEveryPromiseIsKeptWhileEverythingFails(t *testing.T) {
	if testing.Short() {
		t.Skip("ghosts are not judged before they are a minute old")
	}
	t.Parallel()
	o := Usual()
	o.Template, o.DataDir, o.Store = "../../template.yaml", t.TempDir(), local.Store(os.Getenv("SEATMETER_TEST_STORE"))
	o.For, o.Seed, o.Progress = 30*time.Second, 1, logWriter{t}
	report, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Print(logWriter{t}); err != nil {
		t.Fatal(err)
	}
	for _, breach := range report.Breaches {
		t.Error(breach)
	}
	if report.Total.Joins < 100 || report.Died == 0 || report.Total.GhostsMade == 0 {
		t.Errorf("%d joins, %d deaths, %d ghosts: this was no chaos", report.Total.Joins, report.Died, report.Total.GhostsMade)
	}
}
