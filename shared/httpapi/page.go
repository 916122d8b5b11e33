package httpapi

import (
	"encoding/base64"
	"unicode/utf8"

	"seatmeter/shared/problem"
)

// PageInput is how a list is asked for.
type PageInput struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"50" doc:"Items at the most: a page may have fewer, also before the last"`
	Cursor string `query:"cursor" maxLength:"1024" doc:"Where to go on: next_cursor of the page before"`
}

// Page is a part of a list.
type Page[T any] struct {
	Items      []T     `json:"items" nullable:"false"`
	NextCursor *string `json:"next_cursor" nullable:"true" doc:"Null on the last page"`
}

// PageOutput is the answer to a request for a list.
type PageOutput[T any] struct{ Body Page[T] }

// after is the key that the page begins after.
func (p PageInput) after() (string, error) {
	key, err := base64.RawURLEncoding.DecodeString(p.Cursor)
	if err != nil || !utf8.Valid(key) {
		return "", wrongCursor()
	}
	return string(key), nil
}

func wrongCursor() error {
	return problem.InvalidFields(problem.Field{Pointer: "#/cursor", Detail: "is not a cursor of this list"})
}

// pageOf makes a page of one item more than was asked for, which tells whether
// there is a next one.
func pageOf[T, V any](items []T, limit int, key func(T) string, view func(T) V) *PageOutput[V] {
	return pageThat(items[:min(len(items), limit)], len(items) > limit, key, view)
}

// pageThat makes a page of items, after which more may come.
func pageThat[T, V any](items []T, more bool, key func(T) string, view func(T) V) *PageOutput[V] {
	out := &PageOutput[V]{Body: Page[V]{Items: make([]V, len(items))}}
	for i, item := range items {
		out.Body.Items[i] = view(item)
	}
	if more {
		next := base64.RawURLEncoding.EncodeToString([]byte(key(items[len(items)-1])))
		out.Body.NextCursor = &next
	}
	return out
}
