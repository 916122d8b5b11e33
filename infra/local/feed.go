package local

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"

	"seatmeter/infra/local/apigateway"
	"seatmeter/infra/local/streams"
	"seatmeter/infra/local/tables"
	"seatmeter/infra/local/template"
	"seatmeter/shared/dynamo/memtable"
)

// feeder connects a mapping to its stream at the present position, and returns a
// function that delivers the records until a context ends.
type feeder func(ctx context.Context, stream template.Stream, mapping *streams.Mapping) (func(context.Context), error)

// connect opens the streams' mappings. Everything that is written from now on is
// delivered once they run.
func (s *Stack) connect(ctx context.Context, list []template.Stream, invoker *apigateway.Invoker, feed feeder) ([]func(context.Context), error) {
	var deliveries []func(context.Context)
	for _, stream := range list {
		function, err := invoker.Function(stream.Function)
		if err != nil {
			return nil, fmt.Errorf("stream %s: %w", stream.Name, err)
		}
		mapping, err := streams.New(stream, function, s.options.Log)
		if err != nil {
			return nil, fmt.Errorf("stream %s: %w", stream.Name, err)
		}
		deliver, err := feed(ctx, stream, mapping)
		if err != nil {
			return nil, fmt.Errorf("stream %s: %w", stream.Name, err)
		}
		deliveries = append(deliveries, deliver)
	}
	return deliveries, nil
}

// fromEngine reads the streams of the engine's tables.
func fromEngine(cfg aws.Config, made tables.Tables) feeder {
	api := streams.NewClient(cfg)
	return func(ctx context.Context, stream template.Stream, mapping *streams.Mapping) (func(context.Context), error) {
		arn, err := made.StreamARN(ctx, stream.Table)
		if err != nil {
			return nil, err
		}
		reader, err := streams.Open(ctx, mapping, api, arn)
		if err != nil {
			return nil, err
		}
		return reader.Run, nil
	}
}

// fromMemory delivers the writes to tables in memory.
func fromMemory(made *memtable.Tables, system *template.Template) feeder {
	return func(_ context.Context, stream template.Stream, mapping *streams.Mapping) (func(context.Context), error) {
		table, found := system.Table(stream.Table)
		if !found {
			return nil, fmt.Errorf("there is no table %s", stream.Table)
		}
		pipe, name := streams.NewPipe(mapping, table), inMemory[stream.Table]
		made.Watch(func(w memtable.Write) {
			if w.Table == name {
				pipe.Write(w.Old, w.New)
			}
		})
		return pipe.Run, nil
	}
}
