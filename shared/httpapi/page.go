package httpapi

import (
	"context"
	"crypto/cipher"
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/problem"
)

// PageInput are the query parameters of a list.
type PageInput struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"50"`
	Cursor string `query:"cursor" maxLength:"512" pattern:"^[A-Za-z0-9_-]*$"`
}

// asksPage reports whether the query has a limit or a cursor.
func asksPage(ctx huma.Context) bool { return ctx.Query("limit") != "" || ctx.Query("cursor") != "" }

// Page is a part of a list.
type Page[T any] struct {
	Items      []T     `json:"items" nullable:"false"`
	NextCursor *string `json:"next_cursor" nullable:"true"`
}

// PageOutput is a page as an answer.
type PageOutput[T any] struct{ Body Page[T] }

// request is a request for a page of one list.
type request struct {
	box   cipher.AEAD
	list  []byte
	limit int
	// after is the key of the last item before the page; empty for the first page.
	after string
}

// page decodes which page of a list is asked for; see listOf for the parts. The error
// is problem.Invalid at #/cursor.
func (a *API) page(ctx context.Context, in PageInput, list ...string) (request, error) {
	r := request{list: listOf(list...), limit: in.Limit}
	var err error
	if r.box, err = a.seal.box(ctx); err != nil || in.Cursor == "" {
		return r, err
	}
	after, ok, err := a.seal.open(ctx, r.list, in.Cursor)
	if err == nil && !ok {
		err = wrongCursor()
	}
	r.after = after
	return r, err
}

// cursor encrypts a position in the list.
func (r request) cursor(position string) *string {
	sealed := r.box.Seal(nil, nil, []byte(position), r.list) //nolint:gosec // the box draws its nonces itself
	cursor := base64.RawURLEncoding.EncodeToString(sealed)
	return &cursor
}

// moment returns the key of an item in a list by time: its time and its id.
func moment(millis int64, id string) string { return strconv.FormatInt(millis, 10) + " " + id }

// afterMoment returns the key that the page begins after; zero for the first page.
func (r request) afterMoment() (millis int64, id string, err error) {
	if r.after == "" {
		return 0, "", nil
	}
	text, id, _ := strings.Cut(r.after, " ")
	if millis, err = strconv.ParseInt(text, 10, 64); err != nil {
		return 0, "", wrongCursor()
	}
	return millis, id, nil
}

func wrongCursor() error {
	return problem.InvalidFields(problem.Field{Pointer: "#/cursor", Detail: "is not a cursor of this list"})
}

// pageOf returns a page of items that were read with a limit one greater, which tells
// whether there is a next page.
func pageOf[T, V any](r request, items []T, key func(T) string, view func(T) V) *PageOutput[V] {
	return pageThat(r, items[:min(len(items), r.limit)], len(items) > r.limit, key, view)
}

// pageThat returns a page of items. The argument more tells whether there is a next
// page.
func pageThat[T, V any](r request, items []T, more bool, key func(T) string, view func(T) V) *PageOutput[V] {
	out := &PageOutput[V]{Body: Page[V]{Items: make([]V, len(items))}}
	for i, item := range items {
		out.Body.Items[i] = view(item)
	}
	if more {
		out.Body.NextCursor = r.cursor(key(items[len(items)-1]))
	}
	return out
}
