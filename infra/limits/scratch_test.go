package limits

import ("testing";"time")

func TestScratchRush(t *testing.T) {
	for _, c := range []string{Ours, Counter} {
		b := time.Now()
		r, err := Rush(t.Context(), 1, 10000, c)
		t.Logf("%s: %+v %v %.0f/s wall %v", c, r, err, r.PerSecond(), time.Since(b))
	}
}
func TestScratchContest(t *testing.T) {
	for _, c := range []string{Ours, Bare, Transaction, Lock} {
		b := time.Now()
		r, err := Contest(t.Context(), 1, 2000, 16, c)
		t.Logf("%s: %+v %v %.0f/s wall %v", c, r, err, r.PerSecond(), time.Since(b))
	}
}
func TestScratchStorm(t *testing.T) {
	for _, n := range []int{0, 1000, 10000} {
		b := time.Now()
		r, err := Storm(t.Context(), 1, 10000, n)
		t.Logf("%d: %+v %v wall %v", n, r, err, time.Since(b))
	}
}
func TestScratchChurn(t *testing.T) {
	for _, n := range []int{90, 99} {
		b := time.Now()
		r, err := Churn(t.Context(), 1, 10000, n, 100, 10*time.Second)
		t.Logf("%d: %+v %v takes/join %.2f reads/join %.2f wall %v", n, r, err, float64(r.Units.Takes)/float64(r.Admitted), r.Units.Reads/float64(r.Admitted), time.Since(b))
	}
}
