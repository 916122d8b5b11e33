package reconcile

import "golang.org/x/time/rate"

// Unlimited lifts the bound on probes per second, whose clock is the machine's.
func (r *Reconciler) Unlimited() *Reconciler {
	r.pace.limiter.SetLimit(rate.Inf)
	return r
}
