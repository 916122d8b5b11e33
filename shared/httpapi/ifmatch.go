package httpapi

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/license"
	"seatmeter/shared/licensing"
	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
)

// IfMatchInput is a change on condition of what is changed.
type IfMatchInput struct {
	IfMatch string `header:"If-Match" maxLength:"1024" doc:"Change it only if it is still what was read: an ETag, a list of them, or * for any that there is. Weak ones match nothing" example:"\"3\""`
	// some: anything that is there will do. revisions are else those that will.
	some      bool
	revisions []int64
}

// entityTag is one of a list, with the comma before it (RFC 9110, section
// 8.8.3; the letters beyond ASCII are left out: none of ours has any). One
// without its quotes is taken too: clients lose them.
var entityTag = regexp.MustCompile(`^[ \t,]*(W/)?(?:"([!#-~]*)"|([!#-)+\--~]+))[ \t]*(,|$)`)

// Resolve implements huma.Resolver. A header that is none is refused, and not
// taken for an absent one: the change would be unconditional.
func (in *IfMatchInput) Resolve(ctx huma.Context) []error {
	text, given := headerOf(ctx, "If-Match")
	if !given {
		return nil
	}
	if in.some = strings.TrimSpace(text) == "*"; in.some {
		return nil
	}
	in.revisions = []int64{}
	for rest := text; ; {
		found := entityTag.FindStringSubmatch(rest)
		if found == nil {
			return resolved(problem.InvalidFields(problem.Field{
				Pointer: pointer("If-Match"), Detail: `must be * or a list of entity tags, each in double quotes, such as "3"`,
			}))
		}
		// If-Match compares strongly, so that a weak tag matches nothing; nor
		// does what is no revision of ours.
		tag := found[2] + found[3]
		if revision, err := strconv.ParseInt(tag, 10, 64); found[1] == "" && err == nil && strconv.FormatInt(revision, 10) == tag && revision > 0 {
			in.revisions = append(in.revisions, revision)
		}
		if rest = rest[len(found[0]):]; rest == "" {
			return nil
		}
	}
}

// expected is the revision that must be in force. Of several it is the one that
// is: the change itself sees to it that it still is. If none is, it is the
// latest of them, which a change finds replaced.
func (in *IfMatchInput) expected(ctx context.Context, licenses license.Licenses, t tenant.ID) (int64, error) {
	switch {
	case in.some:
		return licensing.SomeRevision, nil
	case in.revisions == nil:
		return licensing.AnyRevision, nil
	case len(in.revisions) == 0:
		return 0, problem.New(problem.PreconditionFailed, "If-Match names no revision of this license.")
	case len(in.revisions) == 1:
		return in.revisions[0], nil
	}
	l, err := licenses.License(ctx, t)
	if err != nil {
		return 0, fmt.Errorf("read the license: %w", err)
	}
	if l != nil && slices.Contains(in.revisions, l.Revision) {
		return l.Revision, nil
	}
	return slices.Max(in.revisions), nil
}
