// Package buckets serves the template's buckets over S3's protocol, from memory. They
// are empty at the start.
//
// Any credentials are accepted. Each bucket's CORS rules in the template apply. Links
// and objects do not expire; they end with the process.
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

// Name returns a bucket's name: the prefix and its logical id, in lower case as S3
// requires.
func Name(prefix string, id template.LogicalID) string {
	return strings.ToLower(prefix + "-" + string(id))
}

// New serves a template's buckets. Their addresses are path-style.
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
