package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/problem"
)

const (
	// maxBody bounds a request's body, in bytes.
	maxBody = 64 << 10
	// maxDepth bounds the nesting of a body. The API's own bodies are nested at most
	// once.
	maxDepth = 16
	// maxFaults bounds the faults that an answer names.
	maxFaults = 100
)

// strict refuses a body or a query that a lenient parser would repair silently, or
// that two parsers could read differently. It runs before the request's idempotency
// key is claimed: an unreadable request changes nothing, so there is no answer to
// keep.
func (a *API) strict(ctx huma.Context, next func(huma.Context)) {
	address := ctx.URL()
	faults := queryFaults(ctx.Operation(), address.RawQuery)
	body, err := io.ReadAll(io.LimitReader(ctx.BodyReader(), maxBody+1))
	if err != nil {
		a.refuse(ctx, fmt.Errorf("read the body: %w", err))
		return
	}
	if expected := ctx.Operation().RequestBody; expected != nil && (expected.Required || len(body) > 0) {
		if err := bodyType(ctx); err != nil && len(body) > 0 {
			a.refuse(ctx, err)
			return
		}
		plain, inBody := readBody(body, a.nullable(ctx.Operation()))
		body, faults = plain, addFaults(faults, inBody...)
	} else if expected == nil && len(body) > 0 {
		faults = addFaults(faults, problem.Field{Pointer: "#", Detail: "there is a body, and this call takes none"})
	}
	if ctx.Operation().Method != http.MethodGet {
		faults = addFaults(faults, preconditionsOf(ctx.Context()).faults...)
	}
	if len(faults) > 0 {
		a.refuse(ctx, problem.InvalidFields(faults...))
		return
	}
	next(&read{ctx, bytes.NewReader(body)})
}

// bodyType refuses a body that is not JSON in UTF-8 or has a Content-Encoding, and
// names the accepted type (RFC 9110, 15.5.16). A form's type counts as none, since
// many clients send it by default.
func bodyType(ctx huma.Context) error {
	if coding := strings.TrimSpace(ctx.Header("Content-Encoding")); coding != "" && !strings.EqualFold(coding, "identity") {
		ctx.SetHeader(headerAcceptEncoding, "identity")
		return problem.New(problem.UnsupportedMediaType, "A body is taken as it is, without a Content-Encoding.")
	}
	sent := ctx.Header("Content-Type")
	if sent == "" {
		return nil
	}
	media, parameters, err := mime.ParseMediaType(sent)
	coded := strings.ToLower(strings.ReplaceAll(parameters["charset"], "-", ""))
	if err == nil && (media == formatJSON.media || media == "application/x-www-form-urlencoded") && (coded == "" || coded == "utf8") {
		return nil
	}
	ctx.SetHeader(headerAccept, formatJSON.media)
	return problem.New(problem.UnsupportedMediaType, "A body is application/json in UTF-8.")
}

// addFaults appends the faults of members that have none yet, up to maxFaults.
func addFaults(list []problem.Field, more ...problem.Field) []problem.Field {
	for _, f := range more {
		again := slices.ContainsFunc(list, func(g problem.Field) bool { return g.Pointer == f.Pointer })
		if !again && len(list) < maxFaults {
			list = append(list, f)
		}
	}
	return list
}

// read is a request whose body has been read.
type read struct {
	humaContext
	in io.Reader
}

func (r *read) BodyReader() io.Reader { return r.in }

// Header reports every body's type as JSON, since bodyType has checked it.
func (r *read) Header(name string) string {
	if strings.EqualFold(name, "Content-Type") {
		return formatJSON.media
	}
	return r.humaContext.Header(name)
}

// nullable returns the members of a call's body for which null means "left out".
// Generated clients would otherwise send them empty.
func (a *API) nullable(op *huma.Operation) map[string]bool {
	names := make(map[string]bool)
	schema := op.RequestBody.Content[formatJSON.media].Schema
	if schema.Ref != "" {
		schema = a.OpenAPI().Components.Schemas.SchemaFromRef(schema.Ref)
	}
	for name, property := range schema.Properties {
		if property.Nullable {
			names[name] = true
		}
	}
	return names
}

// readBody checks a body's syntax before its members are decoded: each member may
// occur once, and must not be null unless it is nullable. Reading stops at a syntax
// error or too deep a nesting. It returns the body with its whole numbers in plain
// digits.
func readBody(body []byte, nullable map[string]bool) (plain []byte, faults []problem.Field) {
	whole := func(detail string) ([]byte, []problem.Field) {
		return body, []problem.Field{{Pointer: "#", Detail: detail}}
	}
	switch {
	case len(body) == 0:
		return whole("a JSON object is expected, and there is no body")
	case len(body) > maxBody:
		return whole(fmt.Sprintf("must have at most %d bytes", maxBody))
	case bytes.HasPrefix(body, []byte("\ufeff")):
		return whole("must not begin with a byte order mark")
	case bytes.HasPrefix(body, []byte{0xFE, 0xFF}), bytes.HasPrefix(body, []byte{0xFF, 0xFE}):
		return whole("must be UTF-8, and begins with the byte order mark of UTF-16")
	case !utf8.Valid(body):
		return whole("must be UTF-8")
	}
	s := scan{decoder: json.NewDecoder(bytes.NewReader(body)), body: body, nullable: nullable}
	s.decoder.UseNumber()
	for {
		done, err := s.next()
		switch {
		case errors.Is(err, errTooDeep):
			_, deep := whole(fmt.Sprintf("must not be nested more than %d deep", maxDepth))
			return body, addFaults(s.faults, deep...)
		case err != nil:
			_, other := whole("must be one JSON object")
			return body, addFaults(s.faults, other...)
		case done:
			return append(s.plain, body[s.copied:]...), s.faults
		}
	}
}

var errTooDeep = errors.New("nested too deep")

// scan is the state of reading through a body.
type scan struct {
	decoder *json.Decoder
	body    []byte
	// nullable are members of the outermost object.
	nullable map[string]bool
	open     []nest
	// plain is the body so far, up to copied, with whole numbers in plain digits.
	plain  []byte
	copied int
	// ended is true after the body's one value.
	ended  bool
	faults []problem.Field
}

// nest is an open object or list.
type nest struct {
	// names are the object's members so far; nil in a list.
	names map[string]bool
	// at is the name or the index of the current value.
	at string
	// named is true between a member's name and its value.
	named bool
	count int
}

// next reads one token. It returns true at the end of the body.
func (s *scan) next() (done bool, err error) {
	begin := s.decoder.InputOffset()
	token, err := s.decoder.Token()
	if errors.Is(err, io.EOF) && s.ended {
		return true, nil
	}
	if err != nil || s.ended {
		return false, errors.Join(err, errors.New("it is no JSON, or more than one"))
	}
	sent := s.body[begin:s.decoder.InputOffset()]
	if token == json.Delim('}') || token == json.Delim(']') {
		s.open = s.open[:len(s.open)-1]
		s.closeValue()
		return false, nil
	}
	if name, ok := token.(string); ok && s.isName() {
		s.name(name, sent)
		return false, nil
	}
	return false, s.value(token, sent)
}

// isName reports whether a text is a member's name and not a value.
func (s *scan) isName() bool {
	top := len(s.open) - 1
	return top >= 0 && s.open[top].names != nil && !s.open[top].named
}

func (s *scan) name(name string, sent []byte) {
	top := &s.open[len(s.open)-1]
	again := top.names[name]
	top.names[name], top.at, top.named = true, name, true
	if again {
		s.fault("is there more than once")
	}
	if loneSurrogate(sent) {
		s.fault("has half of a surrogate pair in its name")
	}
}

func (s *scan) value(token json.Token, sent []byte) error {
	if len(s.open) == 0 && token != json.Delim('{') {
		return errors.New("it is no object")
	}
	if top := len(s.open) - 1; top >= 0 && s.open[top].names == nil {
		s.open[top].at = strconv.Itoa(s.open[top].count)
		s.open[top].count++
	}
	switch token := token.(type) {
	case json.Delim:
		if len(s.open) == maxDepth {
			return errTooDeep
		}
		inner := nest{}
		if token == '{' {
			inner.names = make(map[string]bool)
		}
		s.open = append(s.open, inner)
		return nil
	case nil:
		if len(s.open) > 1 || !s.nullable[s.open[0].at] {
			s.fault("must not be null: leave it out")
		}
	case string:
		if loneSurrogate(sent) {
			s.fault("has half of a surrogate pair")
		}
	case json.Number:
		if _, err := token.Float64(); err != nil {
			s.fault("is too large a number")
		}
		s.writePlain(token.String())
	}
	s.closeValue()
	return nil
}

func (s *scan) closeValue() {
	if top := len(s.open) - 1; top >= 0 {
		s.open[top].named = false
		return
	}
	s.ended = true
}

// writePlain copies the last number in plain digits.
func (s *scan) writePlain(number string) {
	plain, ok := wholeNumber(number)
	if !ok || plain == number {
		return
	}
	end := int(s.decoder.InputOffset())
	s.plain = append(append(s.plain, s.body[s.copied:end-len(number)]...), plain...)
	s.copied = end
}

// fault records a fault of the current value.
func (s *scan) fault(detail string) {
	path := make([]string, len(s.open))
	for i, o := range s.open {
		path[i] = o.at
	}
	s.faults = addFaults(s.faults, problem.Field{Pointer: pointer(path...), Detail: detail})
}

// loneSurrogate reports whether an encoded text has half of a surrogate pair without
// the other half. The library would replace it by U+FFFD.
func loneSurrogate(sent []byte) bool {
	for i := 0; i+1 < len(sent); i++ {
		if sent[i] != '\\' {
			continue
		}
		i++ // skip the escaped character
		first, ok := escaped(sent[i-1:])
		if !ok || !utf16.IsSurrogate(first) {
			continue
		}
		second, ok := escaped(sent[i+5:])
		if !ok || utf16.DecodeRune(first, second) == utf8.RuneError {
			return true
		}
		i += 10 // skip the pair
	}
	return false
}

// escaped decodes the \uXXXX at the start of a text.
func escaped(text []byte) (rune, bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	r, err := strconv.ParseUint(string(text[2:6]), 16, 32)
	return rune(r), err == nil //nolint:gosec // four digits
}
