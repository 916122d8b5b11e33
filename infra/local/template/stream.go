package template

import "time"

// Stream has what changes in a table handed to a function, in batches.
type Stream struct {
	// Name is the event's name under its function.
	Name     string
	Function string
	Table    LogicalID
	// BatchSize is the most records of one event.
	BatchSize int
	// Retries is how often a batch is delivered again that the function failed on, StreamRetriesEndless
	// for as long as it is not too old.
	Retries int
	// MaxAge is how old a record may become before it is given up, 0 for the stream's own 24 hours.
	MaxAge time.Duration
	// Filters are JSON patterns, one of which a record has to match if there are any.
	Filters []string
}

// StreamRetriesEndless is the Retries of a stream that says nothing of them.
const StreamRetriesEndless = -1

// Lambda's default and bounds of an event source mapping.
const (
	defaultBatchSize    = 100
	maxBatchSize        = 10_000
	maxRetryAttempts    = 10_000
	minRecordAgeSeconds = 60
	maxRecordAgeSeconds = 604_800
	maxWindowSeconds    = 300
)

// stream reads an event of type DynamoDB. The batching window only says how long Lambda may wait, so
// a stack that never waits keeps it; the rest is refused where it would be disregarded.
func stream(function, name string, properties value) Stream {
	oneOf(properties.required("StartingPosition"), "LATEST")
	properties.get("MaximumBatchingWindowInSeconds").integer(0, 0, maxWindowSeconds)
	s := Stream{
		Name:      name,
		Function:  function,
		Table:     properties.required("Stream").streamingTable(),
		BatchSize: properties.get("BatchSize").integer(defaultBatchSize, 1, maxBatchSize),
		Retries:   properties.get("MaximumRetryAttempts").integer(StreamRetriesEndless, StreamRetriesEndless, maxRetryAttempts),
	}
	if age := properties.get("MaximumRecordAgeInSeconds"); age.exists() && age.text() != "-1" {
		s.MaxAge = time.Duration(age.integer(0, minRecordAgeSeconds, maxRecordAgeSeconds)) * time.Second
	}
	for _, filter := range properties.get("FilterCriteria").get("Filters").list() {
		s.Filters = append(s.Filters, filter.required("Pattern").text())
	}
	for _, unknown := range []string{
		"BisectBatchOnFunctionError", "DestinationConfig", "Enabled", "FunctionResponseTypes",
		"ParallelizationFactor", "StartingPositionTimestamp", "TumblingWindowInSeconds",
	} {
		if v := properties.get(unknown); v.exists() {
			v.fail("is not known here")
		}
	}
	return s
}
