package storetest

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"seatmeter/shared/statement"
	"seatmeter/shared/tenant"
)

// statements: a revision is written once and never changes.
func statements(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	one := func(period string, revision int, document string) statement.Sealed {
		return statement.Sealed{
			Tenant: id, Period: period, Revision: revision, ClosedAt: instant(int64(revision)), SHA256: fmt.Sprintf("sum of %d bytes", len(document)), Document: []byte(document),
		}
	}
	if s := must(store.Statement(ctx, id, "2026-11", 0))(t); s != nil {
		t.Fatalf("there is a statement: %+v", s)
	}
	large := one("2026-11", 1, `{"text": "`+strings.Repeat("as long as a document may be ", 50_000)+`"}`)
	equal(t, "first", must(store.AddStatement(ctx, large))(t), true)
	equal(t, "another of its name", must(store.AddStatement(ctx, one("2026-11", 1, "{}")))(t), false)
	equal(t, "read", must(store.Statement(ctx, id, "2026-11", 1))(t), &large)
	for revision := 2; revision <= 11; revision++ {
		equal(t, "next", must(store.AddStatement(ctx, one("2026-11", revision, "{}")))(t), true)
	}
	equal(t, "another period's", must(store.AddStatement(ctx, one("2026-10", 1, "{}")))(t), true)
	equal(t, "the latest", must(store.Statement(ctx, id, "2026-11", 0))(t).Revision, 11)
	if s := must(store.Statement(ctx, id, "2026-11", 12))(t); s != nil {
		t.Errorf("there is a revision 12: %+v", s)
	}
	if s := must(store.Statement(ctx, id, "2026-1", 0))(t); s != nil {
		t.Errorf("there is a statement of a period whose name begins so: %+v", s)
	}
	var names []statement.Name
	for after := (statement.Name{}); ; {
		page := must(store.Statements(ctx, id, after, 5))(t)
		for _, s := range page {
			names = append(names, s.Name())
		}
		if len(page) < 5 {
			break
		}
		after = page[4].Name()
	}
	if len(names) != 12 || names[0] != (statement.Name{Period: "2026-10", Revision: 1}) || names[11] != (statement.Name{Period: "2026-11", Revision: 11}) {
		t.Errorf("listed %v", names)
	}
	equal(t, "another tenant's", len(must(store.Statements(ctx, id+"-other", statement.Name{}, 5))(t)), 0)

	var added atomic.Int64
	parallel(t, 8, func(ctx context.Context, n int) error {
		written, err := store.AddStatement(ctx, one("2026-12", 1, strings.Repeat("x", n)))
		if written {
			added.Add(1)
		}
		return err
	})
	equal(t, "of eight at once were written", added.Load(), int64(1))
}
