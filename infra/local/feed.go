package local

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"

	"seatmeter/infra/local/apigateway"
	"seatmeter/infra/local/streams"
	"seatmeter/infra/local/tables"
	"seatmeter/infra/local/template"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/usage"
)

// feeder connects a mapping to its stream as it is at this moment, and gives what then delivers its
// records until a context ends.
type feeder func(ctx context.Context, stream template.Stream, mapping *streams.Mapping) (func(context.Context), error)

// connect makes the streams' mappings: whatever is written from now on is delivered once they run.
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

// fromEngine feeds from the streams of tables.
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

// telling is a store without streams that makes of each refusal the record that the ledger's stream
// would have of it.
type telling struct {
	State
	pipes []*streams.Pipe
}

// Refuse implements usage.Ledger. A refusal that is repeated is told again: a stream's records come
// at least once.
func (t *telling) Refuse(ctx context.Context, r usage.Refusal) error {
	if err := t.State.Refuse(ctx, r); err != nil {
		return err
	}
	record := dynamo.RefusalRecord(r)
	for _, pipe := range t.pipes {
		pipe.Write(record)
	}
	return nil
}

// feed must have been called before the store is in use.
func (t *telling) feed(_ context.Context, stream template.Stream, mapping *streams.Mapping) (func(context.Context), error) {
	if stream.Table != tables.Ledger {
		return nil, fmt.Errorf("the memory store has no stream of %s", stream.Table)
	}
	pipe := streams.NewPipe(mapping)
	t.pipes = append(t.pipes, pipe)
	return pipe.Run, nil
}
