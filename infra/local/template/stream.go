package template

import "time"

// Stream passes the changes of a table to a function, in batches.
type Stream struct {
	// Name is the event's name under its function.
	Name     string
	Function string
	Table    LogicalID
	// BatchSize is the maximum number of records of one event.
	BatchSize int
	// Retries is how often a failed batch is delivered again; StreamRetriesEndless: until its
	// records are too old.
	Retries int
	// MaxAge is the age at which a record is discarded; 0: the stream's 24 hours.
	MaxAge time.Duration
	// Filters are JSON patterns. A record must match one of them, if there are any.
	Filters []string
}

// StreamRetriesEndless is the default of Retries.
const StreamRetriesEndless = -1

// Lambda's default and bounds for event source mappings.
const (
	defaultBatchSize    = 100
	maxBatchSize        = 10_000
	maxRetryAttempts    = 10_000
	minRecordAgeSeconds = 60
	maxRecordAgeSeconds = 604_800
	maxWindowSeconds    = 300
)

// stream reads an event of type DynamoDB. It ignores the batching window, which is an upper bound of
// a wait: the stack does not wait. Other properties without support are errors.
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
			v.fail("is not supported")
		}
	}
	return s
}
