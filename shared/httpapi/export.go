package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/export"
	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
)

// sparedTime is what is left of a function's time for clearing up, and for
// saying that it was not enough.
const sparedTime = 3 * time.Second

// format is how a file is written.
type format struct{ media, extension, contentType string }

var (
	formatCSV    = format{"text/csv", ".csv", "text/csv; charset=utf-8"}
	formatNDJSON = format{"application/x-ndjson", ".ndjson", "application/x-ndjson"}
)

func fileOf(t tenant.ID, what string, f format) export.File {
	return export.File{Tenant: t, Name: string(t) + "-" + what + f.extension, ContentType: f.contentType}
}

// fileOutput is a file, or where it is.
type fileOutput struct {
	Status      int
	ContentType string `header:"Content-Type" hidden:"true"`
	Disposition string `header:"Content-Disposition"`
	Location    string `header:"Location" hidden:"true"`
	Body        []byte
}

// answerWith answers with a file: itself or, where it is large, by a redirect
// to a link. It gives up in time to say so.
func answerWith(ctx context.Context, exports *export.Exports, f export.File, write func(context.Context, io.Writer) error) (*fileOutput, error) {
	answer, err := inTime(ctx, func(ctx context.Context) (export.Answer, error) {
		return exports.Answer(ctx, f, func(w io.Writer) error { return write(ctx, w) })
	})
	if err != nil {
		return nil, err
	}
	if answer.URL != "" {
		return &fileOutput{Status: http.StatusSeeOther, Location: answer.URL}, nil
	}
	return &fileOutput{Status: http.StatusOK, ContentType: f.ContentType, Disposition: f.Disposition(), Body: answer.Body}, nil
}

// inTime makes an answer, or gives up in time to say so.
func inTime[T any](ctx context.Context, answer func(context.Context) (T, error)) (T, error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-sparedTime))
		defer cancel()
	}
	out, err := answer(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = problem.New(problem.Unavailable, "This takes longer than a call may last. Try again, or choose a shorter range or, of a list, smaller pages.").Because(err)
	}
	return out, err
}

// describeFile describes the answers of a call that gives a file, in the
// formats that it has.
func (a *API) describeFile(path string, formats map[string]*huma.Schema) {
	a.describe(path, formats)
	a.OpenAPI().Paths[path].Get.Responses[strconv.Itoa(http.StatusSeeOther)] = &huma.Response{
		Description: "Over 5 MB: it is found at the location, which needs no bearer, for 15 minutes.",
		Headers: map[string]*huma.Param{
			"Location": {Schema: &huma.Schema{Type: huma.TypeString, Format: "uri"}},
		},
	}
}

// describe describes a call that answers in several formats.
func (a *API) describe(path string, formats map[string]*huma.Schema) {
	content := make(map[string]*huma.MediaType, len(formats))
	for media, schema := range formats {
		content[media] = &huma.MediaType{Schema: schema}
	}
	a.OpenAPI().Paths[path].Get.Responses[strconv.Itoa(http.StatusOK)].Content = content
}
