package reconcile_test

import (
	"encoding/json"
	"slices"
	"testing"

	"seatmeter/shared/worldtest"
)

func TestARoundsFindingsAreMetrics(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	w.Gateway.Kill(w.GuestIn().Connection)
	var line struct {
		Ghosts int `json:"ghosts"`
		AWS    struct {
			CloudWatchMetrics []struct {
				Namespace string
				Metrics   []struct{ Name string }
			}
		} `json:"_aws"`
	}
	log := w.Rounds(1)
	if err := json.Unmarshal([]byte(log), &line); err != nil {
		t.Fatalf("%v in %s", err, log)
	}
	metrics := line.AWS.CloudWatchMetrics
	if line.Ghosts != 1 || len(metrics) != 1 || metrics[0].Namespace != "Seatmeter" ||
		!slices.ContainsFunc(metrics[0].Metrics, func(m struct{ Name string }) bool { return m.Name == "ghosts" }) {
		t.Errorf("logged %s", log)
	}
}
