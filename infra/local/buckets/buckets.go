// Package buckets is the S3 of this machine: the template's buckets, empty at
// the start and kept in memory, over the real protocol.
//
// It takes any credentials. Pages of other origins are answered by the CORS rules that
// the template has for each bucket. Links and objects do not expire; they end with the
// process.
package buckets

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"seatmeter/infra/local/template"
)

// Exports is the logical id of the template's bucket for large answers.
const Exports = "ExportsBucket"

// Name is a bucket's name: the prefix and its logical id, in small letters as
// S3 wants it.
func Name(prefix string, id template.LogicalID) string {
	return strings.ToLower(prefix + "-" + string(id))
}

// New serves the buckets of a template. Their addresses are path-style.
func New(prefix string, list []template.Bucket) (http.Handler, error) {
	backend := s3mem.New()
	rules := make(map[string][]template.BucketCORS, len(list))
	for _, bucket := range list {
		if err := backend.CreateBucket(Name(prefix, bucket.ID)); err != nil {
			return nil, fmt.Errorf("create bucket %s: %w", Name(prefix, bucket.ID), err)
		}
		rules[Name(prefix, bucket.ID)] = bucket.CORS
	}
	return crossOrigin{gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server(), rules}, nil
}
