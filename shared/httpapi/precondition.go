package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/license"
	"seatmeter/shared/licensing"
	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
)

const (
	headerETag              = "ETag"
	headerLastModified      = "Last-Modified"
	headerIfMatch           = "If-Match"
	headerIfNoneMatch       = "If-None-Match"
	headerIfModifiedSince   = "If-Modified-Since"
	headerIfUnmodifiedSince = "If-Unmodified-Since"

	// maxCondition bounds a precondition header, in bytes.
	maxCondition = 1024
)

// preconditions are a request's preconditions (RFC 9110, section 13).
type preconditions struct {
	match, noneMatch               *tagList // nil if the header is absent
	unmodifiedSince, modifiedSince time.Time
	faults                         []problem.Field
}

// tagList is the list of tags in a header, or "*".
type tagList struct {
	any  bool
	list []string
}

// existing is the resource that a request concerns. Without an ETag no tag matches
// it; without a date it counts as modified.
type existing struct {
	there    bool
	etag     string
	modified time.Time
}

// entityTag matches an entity tag in a list, with the comma before it (RFC 9110,
// section 8.8.3; without letters beyond ASCII, which no tag of the API has). A tag
// without quotes is accepted, since clients lose them.
var entityTag = regexp.MustCompile(`^[ \t,]*(W/)?(?:"([!#-~]*)"|([!#-)+\--~]+))[ \t]*(,|$)`)

func readPreconditions(header http.Header) preconditions {
	var p preconditions
	p.match, p.noneMatch = p.readTags(header, headerIfMatch), p.readTags(header, headerIfNoneMatch)
	p.unmodifiedSince = p.readDate(header, headerIfUnmodifiedSince)
	p.modifiedSince, _ = conditionDate(header.Get(headerIfModifiedSince)) // a malformed date is ignored
	return p
}

func (p *preconditions) fault(name, detail string) {
	p.faults = append(p.faults, problem.Field{Pointer: pointer(name), Detail: detail})
}

func (p *preconditions) readTags(header http.Header, name string) *tagList {
	if header[name] == nil {
		return nil
	}
	text := strings.TrimSpace(header.Get(name))
	if text == "*" {
		return &tagList{any: true}
	}
	found := &tagList{}
	for rest := text; len(text) <= maxCondition; {
		tag := entityTag.FindStringSubmatch(rest)
		if tag == nil {
			break
		}
		found.list = append(found.list, tag[1]+strconv.Quote(tag[2]+tag[3]))
		if rest = rest[len(tag[0]):]; rest == "" {
			return found
		}
	}
	p.fault(name, `must be * or a list of entity tags, each in double quotes, such as "3"`)
	return nil
}

func (p *preconditions) readDate(header http.Header, name string) time.Time {
	if header[name] == nil {
		return time.Time{}
	}
	at, err := conditionDate(header.Get(name))
	if err != nil {
		p.fault(name, "must be an HTTP date, such as Sun, 01 Nov 2026 00:00:00 GMT")
	}
	return at
}

// conditionDate reads a date. A date before 1970 becomes the first moment of 1970: nothing
// is older, and the zero time means that there is no date.
func conditionDate(text string) (time.Time, error) {
	at, err := http.ParseTime(text)
	if first := time.Unix(0, 0); err == nil && at.Before(first) {
		return first, nil
	}
	return at, err //nolint:wrapcheck // nobody reads it
}

// describeConditions documents the precondition headers of a call. A read ignores
// malformed ones, so they have no bounds there.
func describeConditions(method string, headers []string) []*huma.Param {
	longest := maxCondition
	var list []*huma.Param
	for _, name := range headers {
		p := &huma.Param{Name: name, In: "header", Schema: &huma.Schema{Type: huma.TypeString}}
		if method != http.MethodGet {
			p.Schema.MaxLength = &longest
		}
		list = append(list, p)
	}
	return list
}

type preconditionsKey struct{}

func preconditionsOf(ctx context.Context) preconditions {
	p, _ := ctx.Value(preconditionsKey{}).(preconditions)
	return p
}

// weak returns a tag for weak comparison.
func weak(tag string) string { return strings.TrimPrefix(tag, "W/") }

// forbid returns the header that forbids a change, in the order of RFC 9110, section
// 13.2.2; empty if none does. A header that cannot be evaluated forbids the change
// too, since the caller did not mean it to be unconditional.
func (p preconditions) forbid(e existing) string {
	switch {
	case p.match != nil && !p.match.matches(e):
		return headerIfMatch
	case p.match == nil && !p.unmodifiedSince.IsZero() && (e.modified.IsZero() || e.modifiedAfter(p.unmodifiedSince)):
		return headerIfUnmodifiedSince
	case p.noneMatch != nil && p.noneMatch.has(e):
		return headerIfNoneMatch
	}
	return ""
}

// matches compares strongly: a weak tag matches nothing.
func (t *tagList) matches(e existing) bool {
	return e.there && (t.any || e.etag != "" && weak(e.etag) == e.etag && slices.Contains(t.list, e.etag))
}

// has compares weakly.
func (t *tagList) has(e existing) bool {
	return e.there && (t.any || e.etag != "" && slices.ContainsFunc(t.list, func(tag string) bool { return weak(tag) == weak(e.etag) }))
}

// modifiedAfter compares to the second, as HTTP dates do.
func (e existing) modifiedAfter(at time.Time) bool { return e.modified.Truncate(time.Second).After(at) }

// allowChange checks the preconditions of a change of a resource that has neither an
// ETag nor a date. A handler calls it last, when only the change itself can still
// fail.
func allowChange(ctx context.Context) error {
	return forbidden(preconditionsOf(ctx).forbid(existing{there: true}))
}

func forbidden(header string) error {
	if header == "" {
		return nil
	}
	return problem.Newf(problem.PreconditionFailed, "%s does not hold for what is there.", header)
}

// noRevision matches no license.
const noRevision = -3

// expectedRevision returns the revision of the license that a change's preconditions
// allow. The write has to check that this revision is still in force.
func expectedRevision(ctx context.Context, licenses license.Licenses, t tenant.ID) (int64, error) {
	p := preconditionsOf(ctx)
	alone := p.noneMatch == nil && p.unmodifiedSince.IsZero()
	switch {
	case p.match == nil && alone:
		return licensing.AnyRevision, nil
	case p.match != nil && p.match.any && p.noneMatch == nil:
		return licensing.SomeRevision, nil
	}
	l, err := licenses.License(ctx, t)
	if err != nil {
		return 0, fmt.Errorf("read the license: %w", err)
	}
	var is existing
	var revision int64
	if l != nil {
		is, revision = existing{there: true, etag: etagOf(*l), modified: time.UnixMilli(l.ChangedAtMillis)}, l.Revision
	}
	if p.forbid(is) != "" {
		return noRevision, nil
	}
	return revision, nil
}

func etagOf(l license.License) string { return strconv.Quote(strconv.FormatInt(l.Revision, 10)) }

// conditional applies preconditions to a successful read, which becomes 304 or 412.
// Malformed headers, and dates if the resource has none, are ignored: a read changes
// nothing.
func (a *answer) conditional(r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead || a.status != http.StatusOK {
		return
	}
	p := preconditionsOf(r.Context())
	e := existing{there: true, etag: a.header.Get(headerETag)}
	e.modified, _ = http.ParseTime(a.header.Get(headerLastModified))
	dated := !e.modified.IsZero()
	switch {
	case p.match != nil && !p.match.matches(e):
		a.replace(r, forbidden(headerIfMatch))
	case p.match == nil && dated && !p.unmodifiedSince.IsZero() && e.modifiedAfter(p.unmodifiedSince):
		a.replace(r, forbidden(headerIfUnmodifiedSince))
	case p.noneMatch != nil && p.noneMatch.has(e),
		p.noneMatch == nil && dated && !p.modifiedSince.IsZero() && !e.modifiedAfter(p.modifiedSince):
		a.status = http.StatusNotModified
	}
}

// replace replaces the answer by a problem.
func (a *answer) replace(r *http.Request, err error) {
	vary := a.header.Values(headerVary)
	a.header = make(http.Header)
	a.body.Reset()
	for _, name := range vary {
		a.header.Add(headerVary, name)
	}
	refuseRequest(a, r, problem.As(err))
}
