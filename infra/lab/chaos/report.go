package chaos

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"seatmeter/infra/client"
)

// Report is the result of a run.
type Report struct {
	Seed    uint64   `json:"seed"`
	Seconds float64  `json:"seconds"`
	Tenants []Tenant `json:"tenants"`
	Total   Tenant   `json:"total"`
	// Died is the number of functions' processes that were ended.
	Died int `json:"died"`
	// RestartSeconds is how long DynamoDB Local was down; 0: no restart.
	RestartSeconds float64 `json:"restart_seconds"`
	// Other counts other answers to clients, by code.
	Other map[client.Code]int `json:"other"`
	// Breaches describes the broken guarantees. Empty: all held.
	Breaches []string `json:"breaches"`
}

// Tenant is the part of a report about one tenant.
type Tenant struct {
	Tenant  string `json:"tenant"`
	License string `json:"license"`
	Joins   int64  `json:"joins"`
	Resumed int64  `json:"resumed"`
	Refused int64  `json:"refused"`
	// Queued are waits, AdmittedFromQueue those that ended in a seat, and GaveUp
	// those that the client ended.
	Queued            int64 `json:"queued"`
	AdmittedFromQueue int64 `json:"admitted_from_queue"`
	GaveUp            int64 `json:"gave_up"`
	// Shut: the conference was not live or had ended. Unavailable: 503. Failed:
	// the function ended. Broken: no answer.
	Shut        int64 `json:"shut"`
	Unavailable int64 `json:"unavailable"`
	Failed      int64 `json:"failed"`
	Broken      int64 `json:"broken"`
	// MostInUse and Limit are those at the time when the pool was closest to its
	// limit, or farthest above it.
	MostInUse int `json:"most_in_use"`
	Limit     int `json:"limit"`
	Oversold  int `json:"oversold"`
	// Ghosts are seats that outlived their connections. Times count from when a
	// ghost was observable.
	GhostsMade           int     `json:"ghosts_made"`
	GhostsReclaimed      int     `json:"ghosts_reclaimed"`
	ReclaimMedianSeconds float64 `json:"reclaim_median_seconds"`
	ReclaimWorstSeconds  float64 `json:"reclaim_worst_seconds"`
	Lost                 int     `json:"lost"`
	Imbalance            int     `json:"imbalance"`
}

func (r *run) report() Report {
	report := Report{
		Seed: r.options.Seed, Seconds: time.Since(r.began).Seconds(), Died: r.reaper.Died(),
		RestartSeconds: r.restartTook.Seconds(), Other: map[client.Code]int{}, Breaches: r.breaches,
	}
	if r.breachesMore > 0 {
		report.Breaches = append(report.Breaches, fmt.Sprintf("and %d more", r.breachesMore))
	}
	var all []time.Duration
	total := &report.Total
	total.Tenant = "total"
	for _, c := range r.customers {
		t := c.report()
		report.Tenants = append(report.Tenants, t)
		total.Joins += t.Joins
		total.Resumed += t.Resumed
		total.Refused += t.Refused
		total.Queued += t.Queued
		total.AdmittedFromQueue += t.AdmittedFromQueue
		total.GaveUp += t.GaveUp
		total.Shut += t.Shut
		total.Unavailable += t.Unavailable
		total.Failed += t.Failed
		total.Broken += t.Broken
		total.Oversold += t.Oversold
		total.GhostsMade += t.GhostsMade
		total.GhostsReclaimed += t.GhostsReclaimed
		total.Lost += t.Lost
		total.Imbalance += t.Imbalance
		all = append(all, c.ghosts.reclaimed...)
		for code, n := range c.tally.other {
			report.Other[code] += n
		}
	}
	total.ReclaimMedianSeconds, total.ReclaimWorstSeconds = spread(all)
	return report
}

func (c *customer) report() Tenant {
	t := Tenant{
		Tenant: c.id, Joins: c.tally.joins.Load(), Resumed: c.tally.resumed.Load(), Refused: c.tally.refused.Load(),
		Queued: c.tally.queued.Load(), AdmittedFromQueue: c.tally.fromQueue.Load(), GaveUp: c.tally.gaveUp.Load(),
		Shut: c.tally.shut.Load(), Unavailable: c.tally.unavailable.Load(), Failed: c.tally.failed.Load(),
		Broken: c.tally.broken.Load(), GhostsMade: c.ghosts.made, GhostsReclaimed: len(c.ghosts.reclaimed),
		Lost: c.lost, Imbalance: c.imbalance,
	}
	if c.license.Model == client.ModelNamed {
		t.License = fmt.Sprintf("named %d x %d", c.license.Hosts, c.license.ParticipantsPerConference)
	} else {
		t.License = fmt.Sprintf("concurrent %d", c.license.Seats)
		if len(c.sizes) > 0 {
			t.License = fmt.Sprintf("concurrent %d to %d", slices.Min(c.sizes), slices.Max(c.sizes))
		}
	}
	for i, p := range c.pools {
		if i == 0 || p.most-p.of > t.MostInUse-t.Limit || p.most-p.of == t.MostInUse-t.Limit && p.most > t.MostInUse {
			t.MostInUse, t.Limit = p.most, p.of
		}
		t.Oversold = max(t.Oversold, p.oversold)
	}
	t.ReclaimMedianSeconds, t.ReclaimWorstSeconds = spread(c.ghosts.reclaimed)
	return t
}

// spread is the median and the maximum, in seconds.
func spread(times []time.Duration) (median, worst float64) {
	if len(times) == 0 {
		return 0, 0
	}
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2].Seconds(), sorted[len(sorted)-1].Seconds()
}

// Print writes the report as a table.
func (r Report) Print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "tenant\tlicense\tjoins\tresumed\trefused\tqueued\tadmitted from the queue\tmost in use\toversold\tghosts\treclaimed\tmedian s\tworst s\tlost\timbalance\t")
	for _, t := range append(slices.Clone(r.Tenants), r.Total) {
		most := ""
		if t.Limit > 0 {
			most = fmt.Sprintf("%d of %d", t.MostInUse, t.Limit)
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\t%d\t%d\t%d\t%.0f\t%.0f\t%d\t%d\t\n", t.Tenant, t.License, t.Joins, t.Resumed, t.Refused,
			t.Queued, t.AdmittedFromQueue, most, t.Oversold, t.GhostsMade, t.GhostsReclaimed, t.ReclaimMedianSeconds, t.ReclaimWorstSeconds, t.Lost, t.Imbalance)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nMost in use: when the pool, or the fullest conference, was closest to its limit. Ghosts: seats still taken %.0f s after their\nconnection closed; times count from when a ghost was observable.\n", ghostAfter.Seconds())
	fmt.Fprintf(out, "\n%d processes were ended. ", r.Died)
	if r.RestartSeconds > 0 {
		fmt.Fprintf(out, "DynamoDB Local was killed once and down for %.1f s. ", r.RestartSeconds)
	}
	t := r.Total
	fmt.Fprintf(out, "Other answers: unavailable %d, function failed %d,\nconference not live or ended %d, no answer %d; %d gave up waiting", t.Unavailable, t.Failed, t.Shut, t.Broken, t.GaveUp)
	for _, code := range slices.Sorted(maps.Keys(r.Other)) {
		fmt.Fprintf(out, ", %s %d", strings.ReplaceAll(string(code), "_", " "), r.Other[code])
	}
	_, err := fmt.Fprintf(out, ".\n%.0f seconds, seed %d.\n", r.Seconds, r.Seed)
	return err
}
