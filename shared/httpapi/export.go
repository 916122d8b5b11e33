package httpapi

import (
	"bytes"
	"context"
	"io"
	"iter"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/export"
	"seatmeter/shared/table"
	"seatmeter/shared/tenant"
)

func fileOf(t tenant.ID, what string, f format) export.File {
	return export.File{Tenant: t, Name: string(t) + "-" + what + f.extension, ContentType: f.contentType}
}

// fileOutput is a file, or a redirect to it.
type fileOutput struct {
	Status      int
	ContentType string `header:"Content-Type" hidden:"true"`
	Disposition string `header:"Content-Disposition"`
	Location    string `header:"Location" hidden:"true"`
	Body        []byte
}

// pagedOutput is a file, or a page of it with a link to the next.
type pagedOutput struct {
	Status      int
	ContentType string `header:"Content-Type" hidden:"true"`
	Disposition string `header:"Content-Disposition"`
	Link        string `header:"Link"`
	Location    string `header:"Location" hidden:"true"`
	Body        []byte
}

func (f *fileOutput) paged(link string) *pagedOutput {
	return &pagedOutput{f.Status, f.ContentType, f.Disposition, link, f.Location, f.Body}
}

// answer answers with a table or, if it is large, with a redirect to its link.
func (files Files) answer(ctx context.Context, name export.File, f format, t table.Table) (*fileOutput, error) {
	return files.answerWith(ctx, name, func(w io.Writer) error { return files.write(f, w, t) })
}

// answerWith answers with a file or, if it is large, with a redirect to its link.
func (files Files) answerWith(ctx context.Context, f export.File, write func(io.Writer) error) (*fileOutput, error) {
	answer, err := files.Exports.Answer(ctx, f, write)
	if err != nil {
		return nil, err
	}
	if answer.URL != "" {
		return &fileOutput{Status: http.StatusSeeOther, Location: answer.URL}, nil
	}
	return &fileOutput{Status: http.StatusOK, ContentType: f.ContentType, Disposition: f.Disposition(), Body: answer.Body}, nil
}

// page answers with a page of a table.
func (files Files) page(f format, t table.Table, link string) (*pagedOutput, error) {
	var body bytes.Buffer
	if err := files.write(f, &body, t); err != nil {
		return nil, err
	}
	return &pagedOutput{Status: http.StatusOK, ContentType: f.contentType, Link: link, Body: body.Bytes()}, nil
}

// givenItems yields the items of a list.
func givenItems[T any](list []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, item := range list {
			if !yield(item, nil) {
				return
			}
		}
	}
}

// describeFile documents the answers of a call that returns a file in several
// formats.
func (a *API) describeFile(path string, formats map[string]*huma.Schema) {
	a.describe(path, formats)
	a.OpenAPI().Paths[path].Get.Responses[strconv.Itoa(http.StatusSeeOther)] = &huma.Response{
		Description: "The file is over 5 MB. Get it from `Location` within 15 minutes, without a token.",
		Headers: map[string]*huma.Param{
			"Location": {
				Schema:  &huma.Schema{Type: huma.TypeString, Format: "uri", Description: "The address of the file."},
				Example: "https://exports.example.org/acme-usage.csv?signature=made-up",
			},
		},
	}
}

// binarySchema describes a file that is no text.
func binarySchema() *huma.Schema { return &huma.Schema{Type: huma.TypeString, Format: "binary"} }

// describe documents the formats of a call.
func (a *API) describe(path string, formats map[string]*huma.Schema) {
	content := make(map[string]*huma.MediaType, len(formats))
	for media, schema := range formats {
		content[media] = &huma.MediaType{Schema: schema}
	}
	a.OpenAPI().Paths[path].Get.Responses[strconv.Itoa(http.StatusOK)].Content = content
}
