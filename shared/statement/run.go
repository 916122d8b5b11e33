package statement

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"time"

	"seatmeter/shared/problem"
	"seatmeter/shared/rollup"
	"seatmeter/shared/timeleft"
	"seatmeter/shared/usage"
)

// saveEvery is how often a run saves which days it has checked.
const saveEvery = time.Second

// run is one run of a job.
type run struct {
	*Closer
	plan
	job   Job
	until time.Time
	// saved is when the job was saved last.
	saved time.Time
}

// work checks the days that are left, one by one, and seals the statement.
func (r *run) work(ctx context.Context) (Result, error) {
	through, err := r.rollUp(ctx)
	if err != nil {
		return Result{}, err
	}
	for {
		day := r.job.next()
		if day < 0 {
			result, over, err := r.finish(ctx)
			if over || err != nil {
				return result, err
			}
			continue
		}
		if r.outOfTime(ctx) || r.days[day].ToMillis > through {
			return Result{}, errOutOfTime
		}
		if r.job.Days[day], err = r.check(ctx, day); err != nil {
			return Result{}, err
		}
		if now := r.now(); now.Sub(r.saved) >= saveEvery {
			r.saved, r.job.LeaseUntilMillis = now, lease(ctx, now)
			if err := r.save(ctx); err != nil {
				return Result{}, err
			}
		}
	}
}

// rollUp completes the roll-up, and returns until when it is complete.
func (r *run) rollUp(ctx context.Context) (int64, error) {
	if !r.rolledUp {
		return r.month.ToMillis, nil
	}
	progress, err := r.roller.Tenant(ctx, r.plan.tenant)
	if err != nil {
		return 0, fmt.Errorf("roll up: %w", err)
	}
	if progress == nil {
		return 0, problem.New(problem.NotFound, "There is no such tenant.")
	}
	return progress.ThroughMillis, nil
}

func (r *run) outOfTime(ctx context.Context) bool {
	now := r.now()
	return !now.Before(r.until) || timeleft.Of(ctx, now) < reserve
}

// save writes the job. errLost: another run has it.
func (r *run) save(ctx context.Context) error {
	r.job.Version++
	written, err := r.store.SaveJob(ctx, r.job)
	if err != nil {
		return fmt.Errorf("write the closing: %w", err)
	}
	if !written {
		return errLost
	}
	return nil
}

// end ends the job.
func (r *run) end(s State) { r.job.State, r.job.Days, r.job.LeaseUntilMillis = s, nil, 0 }

// check compares what is stored of a day with a recount of the ledger. A record that
// came in since the roll-up makes them differ: then it rolls up once more.
func (r *run) check(ctx context.Context, day int) (Day, error) {
	for again := range 2 {
		stored, sum, err := r.stored(ctx, day)
		if err != nil {
			return Day{}, err
		}
		recounted, records, err := r.recount(ctx, day)
		if err != nil {
			return Day{}, err
		}
		differ := differences(stored, recounted)
		if len(differ) == 0 {
			return Day{Sum: sum, Records: records}, nil
		}
		if again > 0 {
			return Day{}, r.disagreement(day, differ)
		}
		if _, err := r.rollUp(ctx); err != nil {
			return Day{}, err
		}
	}
	return Day{}, errOutOfTime // unreachable
}

// stored is the summary of a day, whose row the statement will have, and its checksum. A day
// that the roll-up does not store as it is needed is swept and stored first.
func (r *run) stored(ctx context.Context, day int) (usage.Summary, uint64, error) {
	pieces := r.piecesOf(day)
	if pieces[0].isOwn() {
		if err := r.sweep(ctx, pieces); err != nil {
			return usage.Summary{}, 0, err
		}
	}
	var whole usage.Summary
	sum := newChecksum()
	for summary, err := range r.read(ctx, pieces) {
		if err != nil {
			return usage.Summary{}, 0, err
		}
		sum.add(summary.Row)
		whole = usage.Merge(whole, summary)
	}
	return whole, sum.value(), nil
}

// sweep computes the pieces of a day from the ledger, and stores them.
func (r *run) sweep(ctx context.Context, pieces []piece) error {
	periods := make([]usage.Period, len(pieces))
	for i, one := range pieces {
		periods[i] = one.Period
	}
	sweep := usage.NewSweep(periods, r.limits, r.job.CutoffMillis)
	records, err := sweep.Read(ctx, r.store, r.plan.tenant)
	if err != nil {
		return fmt.Errorf("sweep the ledger: %w", err)
	}
	for i, summary := range sweep.Close() {
		if err := r.store.PutDay(ctx, r.plan.tenant, pieces[i].key, rollup.Day{Records: records, Summary: summary}); err != nil {
			return fmt.Errorf("keep a day: %w", err)
		}
	}
	return nil
}

// read gives the stored summaries of adjacent pieces, in order, idle ones included.
// It holds one day's sets in memory.
func (r *run) read(ctx context.Context, pieces []piece) iter.Seq2[usage.Summary, error] {
	return func(yield func(usage.Summary, error) bool) {
		for len(pieces) > 0 {
			n := 0
			var periods []usage.Period
			for ; n < len(pieces) && pieces[n].key == pieces[0].key; n++ {
				periods = append(periods, pieces[n].Period)
			}
			days := r.store.Days(ctx, r.plan.tenant, pieces[0].key, periods[0].FromMillis, periods[n-1].ToMillis)
			for summary, err := range usage.FilledSummaries(periods, summaries(days)) {
				if !yield(summary, problem.Wrap("read stored days", err)) || err != nil {
					return
				}
			}
			pieces = pieces[n:]
		}
	}
}

func summaries(days iter.Seq2[rollup.Day, error]) iter.Seq2[usage.Summary, error] {
	return func(yield func(usage.Summary, error) bool) {
		for day, err := range days {
			if !yield(day.Summary, err) || err != nil {
				return
			}
		}
	}
}

// checksum is a checksum of rows.
type checksum struct{ text strings.Builder }

func newChecksum() *checksum { return &checksum{} }

func (c *checksum) add(r usage.Row) { fmt.Fprintf(&c.text, "%+v\n", r) }

// value is never zero.
func (c *checksum) value() uint64 {
	sum := sha256.Sum256([]byte(c.text.String()))
	return binary.BigEndian.Uint64(sum[:]) | 1
}

// recount computes a day from the raw ledger, and counts the records that began in
// it; on the first and the last day also those that were read from beyond the month.
func (r *run) recount(ctx context.Context, day int) (usage.Summary, int64, error) {
	p, records := r.days[day], int64(0)
	count := func(at int64) {
		if (at >= p.FromMillis || day == 0) && (at < p.ToMillis || day == len(r.days)-1) {
			records++
		}
	}
	stays := each(r.store.Stays(ctx, r.plan.tenant, p.FromMillis-usage.MaxStayMillis, p.ToMillis+usage.MaxGapMillis),
		func(s usage.Stay) { count(s.JoinedAtMillis) })
	refusals := each(r.store.Refusals(ctx, r.plan.tenant, p.FromMillis, p.ToMillis), func(one usage.Refusal) { count(one.AtMillis) })
	waits := each(r.store.Waits(ctx, r.plan.tenant, p.FromMillis-usage.MaxStayMillis, p.ToMillis), func(w usage.Wait) { count(w.SinceMillis) })
	recounted, err := usage.Recount(p, r.limits, usage.Streams{Stays: stays, Refusals: refusals, Waits: waits}, r.job.CutoffMillis)
	return recounted, records, problem.Wrap("recount the ledger", err)
}

func each[T any](items iter.Seq2[T, error], do func(T)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for item, err := range items {
			if err == nil {
				do(item)
			}
			if !yield(item, err) {
				return
			}
		}
	}
}

// differences names the figures that differ, with both values, and the sets that differ
// in whom they count, though not in how many.
func differences(stored, recounted usage.Summary) []string {
	var list []string
	a, b := reflect.ValueOf(stored.Row), reflect.ValueOf(recounted.Row)
	for i := range a.NumField() {
		if x, y := a.Field(i), b.Field(i); !equal(x, y) {
			list = append(list, fmt.Sprintf("%s is %v in the roll-up and %v in the ledger", figureName(a.Type().Field(i).Name), x, y))
		}
	}
	for _, one := range []struct {
		name string
		a, b usage.Set
	}{
		{"conferences", stored.Conferences, recounted.Conferences},
		{"hosts", stored.Hosts, recounted.Hosts},
		{"identities", stored.Identities, recounted.Identities},
		{"refused_identities", stored.Refused, recounted.Refused},
		{"denied_identities", stored.Denied, recounted.Denied},
	} {
		if len(one.a) == len(one.b) && !slices.Equal(one.a, one.b) {
			list = append(list, fmt.Sprintf("the %d of %s in the roll-up are not the %d in the ledger", len(one.a), one.name, len(one.b)))
		}
	}
	return list
}

// equal tells whether two figures are equal. An empty map is like none.
func equal(a, b reflect.Value) bool {
	if a.Kind() == reflect.Map && a.Len() == 0 && b.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

// figureName is the member of a report that a field of its row becomes.
func figureName(field string) string {
	var name strings.Builder
	for i, letter := range strings.Replace(field, "Millis", "_ms", 1) {
		if i > 0 && letter >= 'A' && letter <= 'Z' {
			name.WriteByte('_')
		}
		name.WriteString(strings.ToLower(string(letter)))
	}
	return name.String()
}

func (r *run) disagreement(day int, differ []string) error {
	p := problem.New(problem.PreconditionFailed, "What was rolled up and the ledger disagree: a record was changed.")
	name := time.UnixMilli(r.days[day].FromMillis).In(r.month.Zone).Format(time.DateOnly)
	p.Fields = []problem.Field{{Pointer: "#/period", Detail: "the day of " + name + ": " + strings.Join(differ, "; ")}}
	return p
}
