package bench

import (
	"context"
	"fmt"
	"time"

	"seatmeter/infra/lab/limits"
)

// The limits of the simulated figures. Takes and joins have the same limits as
// those that are measured on an engine.
const (
	limitStorm      = 20
	limitNeighbours = 1.3
)

// StormOptions says how much is simulated.
type StormOptions struct {
	// Rounds is the number of seeds; the rush has one seed.
	Rounds int
	// Joins and Workers are those of a contest.
	Joins, Workers int
	// People is the number of people of the rush.
	People   int
	Progress func(string)
}

const (
	fullSeats      = 10_000
	stormPerSecond = 10_000
	churnPerSecond = 100
	churnLasts     = 10 * time.Second
)

// Storm simulates joins of many people on an engine with DynamoDB's limits. All
// rates are in simulated time.
func Storm(ctx context.Context, o StormOptions) (Report, error) {
	report, err := rushFigures(ctx, o)
	if err != nil {
		return report, err
	}
	for _, part := range []func(context.Context, StormOptions) (Report, error){stormFigures, contestFigures, churnFigures} {
		one, err := part(ctx, o)
		if err != nil {
			return report, err
		}
		report.Add(one)
	}
	return report, nil
}

func rushFigures(ctx context.Context, o StormOptions) (Report, error) {
	var report Report
	var rates [3]float64
	for i, contestant := range []string{limits.Ours, limits.First, limits.Counter} {
		o.Progress(fmt.Sprintf("%d people join at once: %s", o.People, contestant))
		result, err := limits.Rush(ctx, 1, o.People, contestant)
		if err != nil {
			return report, fmt.Errorf("simulate a rush: %w", err)
		}
		o.Progress(summary(result))
		rates[i] = result.PerSecond()
		report.Rates = append(report.Rates, Rate{"simulated admissions of a rush, " + contestant, rates[i]})
	}
	about := fmt.Sprintf("simulated admissions a second of %d people who join a tenant of %d seats within a second, over those of a single counter", o.People, o.People*10/9)
	report.Figures = append(
		report.Figures,
		ratio("storm_speedup", about, rates[:1], rates[2:]).atLeast(limitStorm),
		ratio("first_storm_speedup", "as storm_speedup, of a new tenant, whose blocks are opened during the rush", rates[1:2], rates[2:]),
	)
	return report, nil
}

func summary(r limits.Result) string {
	return fmt.Sprintf("  %d admitted after %.1f s; %d refused, %d failed; %.0f write units, %.0f read units, %d throttled, %d given up",
		r.Admitted, r.Took.Seconds(), r.Refused, r.Failed, r.Units.Writes, r.Units.Reads, r.Units.Throttled, r.Units.GivenUp)
}

func stormFigures(ctx context.Context, o StormOptions) (Report, error) {
	var report Report
	var joins, leaves []float64
	for seed := range o.Rounds {
		o.Progress(fmt.Sprintf("storm %d of %d", seed+1, o.Rounds))
		calm, err := limits.Storm(ctx, seed, fullSeats, 0)
		if err != nil {
			return report, fmt.Errorf("simulate a calm: %w", err)
		}
		storm, err := limits.Storm(ctx, seed, fullSeats, stormPerSecond)
		if err != nil {
			return report, fmt.Errorf("simulate a storm: %w", err)
		}
		o.Progress(fmt.Sprintf("  joins %v without a storm, %v during it; leaves %v, %v; %d processes",
			calm.Join, storm.Join, calm.Leave, storm.Leave, storm.Processes))
		o.Progress(summary(storm.Refusals))
		joins = append(joins, float64(storm.Join)/float64(calm.Join))
		leaves = append(leaves, float64(storm.Leave)/float64(calm.Leave))
	}
	report.Figures = append(
		report.Figures,
		figure("neighbours_p99", "simulated p99 of a small tenant's joins during a storm of refusals of another tenant, over that without a storm", joins).atMost(limitNeighbours),
		figure("leaves_p99", "simulated p99 of leaves from a full pool during a storm of refusals on it, over that without a storm", leaves).atMost(limitNeighbours),
	)
	return report, nil
}

func contestFigures(ctx context.Context, o StormOptions) (Report, error) {
	contestants := []string{limits.Ours, limits.Bare, limits.Transaction, limits.Lock}
	rates := make([][]float64, len(contestants))
	for seed := range o.Rounds {
		for i, contestant := range contestants {
			result, err := limits.Contest(ctx, seed, o.Joins, o.Workers, contestant)
			if err != nil {
				return Report{}, fmt.Errorf("simulate a contest: %w", err)
			}
			rates[i] = append(rates[i], result.PerSecond())
		}
	}
	var report Report
	for i, contestant := range contestants {
		report.Rates = append(report.Rates, Rate{"simulated joins, " + contestant, median(rates[i])})
	}
	report.Figures = []Figure{
		ratio("simulated_joins_vs_limit", "simulated joins a second, over as many bare conditional writes", rates[0], rates[1]).atLeast(limitJoins),
		ratio("simulated_joins_vs_transaction", "simulated joins a second, over TransactWriteItems of one counter and the connection, tried again at conflicts", rates[0], rates[2]).atLeast(limitTransaction),
		ratio("simulated_joins_vs_lock", "simulated joins a second, over reading one counter and writing it if it is unchanged, tried again if not", rates[0], rates[3]),
	}
	return report, nil
}

func churnFigures(ctx context.Context, o StormOptions) (Report, error) {
	var report Report
	for _, c := range []struct {
		percent int
		most    float64
	}{{90, limitTakesAt90}, {99, limitTakesAt99}} {
		var takes, reads []float64
		for seed := range o.Rounds {
			result, err := limits.Churn(ctx, seed, fullSeats, c.percent, churnPerSecond, churnLasts)
			if err != nil {
				return report, fmt.Errorf("simulate churn: %w", err)
			}
			takes = append(takes, float64(result.Units.Takes)/float64(result.Admitted))
			reads = append(reads, result.Units.Reads/float64(result.Admitted))
		}
		report.Figures = append(
			report.Figures,
			figure(fmt.Sprintf("simulated_writes_per_join_at_%d", c.percent),
				fmt.Sprintf("attempts to take a seat of each admitted join, to a pool of %d that is %d %% full", fullSeats, c.percent), takes).atMost(c.most),
			figure(fmt.Sprintf("simulated_reads_per_join_at_%d", c.percent),
				fmt.Sprintf("read units of each admitted join, to a pool of %d that is %d %% full", fullSeats, c.percent), reads),
		)
	}
	return report, nil
}
