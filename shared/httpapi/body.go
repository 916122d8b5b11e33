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
	// maxDepth bounds how deep a body's members lie. None of ours is deeper
	// than one.
	maxDepth = 16
	// maxFaults bounds how many faults an answer names.
	maxFaults = 100
)

// strict refuses what a lenient reader would repair in silence: a body or a
// query of which only a part would be heeded, or that others read otherwise
// than we do. It comes before a request's key is claimed: of a request that
// cannot be read nothing happens, so there is nothing to keep.
func (a *API) strict(ctx huma.Context, next func(huma.Context)) {
	address := ctx.URL()
	faults := queryFaults(ctx.Operation(), address.RawQuery)
	body, err := io.ReadAll(io.LimitReader(ctx.BodyReader(), maxBody+1))
	if err != nil {
		a.refuse(ctx, fmt.Errorf("read the body: %w", err))
		return
	}
	if ctx.Operation().RequestBody != nil {
		if err := bodyType(ctx); err != nil && len(body) > 0 {
			a.refuse(ctx, err)
			return
		}
		plain, inBody := readBody(body, a.nullable(ctx.Operation()))
		body, faults = plain, addFaults(faults, inBody...)
	} else if len(body) > 0 {
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

// bodyType refuses a body of another type than JSON in UTF-8, or one that is
// encoded, and says what is taken (RFC 9110, 15.5.16). What many clients say when
// nobody told them the type, a form, tells nothing.
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

// addFaults adds those of members that have none yet, so that each is named
// once, and never too many.
func addFaults(list []problem.Field, more ...problem.Field) []problem.Field {
	for _, f := range more {
		again := slices.ContainsFunc(list, func(g problem.Field) bool { return g.Pointer == f.Pointer })
		if !again && len(list) < maxFaults {
			list = append(list, f)
		}
	}
	return list
}

// read is a request whose body was read.
type read struct {
	humaContext
	in io.Reader
}

func (r *read) BodyReader() io.Reader { return r.in }

// Header has huma read every body as JSON: bodyType has seen to its type.
func (r *read) Header(name string) string {
	if strings.EqualFold(name, "Content-Type") {
		return formatJSON.media
	}
	return r.humaContext.Header(name)
}

// nullable are the members of a call's body of which null is the same as leaving
// them out: those that generated clients would else send empty.
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

// readBody looks through a body once, and tells what is wrong with it before
// any member is known: each must be there once at most, and not be null unless it
// is nullable. What is no JSON, or too deep, is not looked through to its end. It
// gives the body with its whole numbers in plain digits.
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
	l := look{decoder: json.NewDecoder(bytes.NewReader(body)), body: body, nullable: nullable}
	l.decoder.UseNumber()
	for {
		done, err := l.next()
		switch {
		case errors.Is(err, errTooDeep):
			_, deep := whole(fmt.Sprintf("must not be nested more than %d deep", maxDepth))
			return body, addFaults(l.faults, deep...)
		case err != nil:
			_, other := whole("must be one JSON object")
			return body, addFaults(l.faults, other...)
		case done:
			return append(l.plain, body[l.copied:]...), l.faults
		}
	}
}

var errTooDeep = errors.New("nested too deep")

// look is how far a body is looked through.
type look struct {
	decoder *json.Decoder
	body    []byte
	// nullable are members of the body itself.
	nullable map[string]bool
	open     []nest
	// plain is the body up to what is copied, with whole numbers in plain digits.
	plain  []byte
	copied int
	// ended: the body's one value has been seen.
	ended  bool
	faults []problem.Field
}

// nest is an object or a list that is not at its end.
type nest struct {
	// names are an object's so far; nil in a list.
	names map[string]bool
	// at is the name or the index of the value that comes next or is looked at.
	at string
	// named: an object's name was read, and its value was not.
	named bool
	count int
}

// next looks at one token. It is done at the end of the body.
func (l *look) next() (done bool, err error) {
	begin := l.decoder.InputOffset()
	token, err := l.decoder.Token()
	if errors.Is(err, io.EOF) && l.ended {
		return true, nil
	}
	if err != nil || l.ended {
		return false, errors.Join(err, errors.New("it is no JSON, or more than one"))
	}
	sent := l.body[begin:l.decoder.InputOffset()]
	if token == json.Delim('}') || token == json.Delim(']') {
		l.open = l.open[:len(l.open)-1]
		l.closeValue()
		return false, nil
	}
	if name, ok := token.(string); ok && l.isName() {
		l.name(name, sent)
		return false, nil
	}
	return false, l.value(token, sent)
}

// isName tells whether a text is the name of a member, and no value.
func (l *look) isName() bool {
	top := len(l.open) - 1
	return top >= 0 && l.open[top].names != nil && !l.open[top].named
}

func (l *look) name(name string, sent []byte) {
	top := &l.open[len(l.open)-1]
	again := top.names[name]
	top.names[name], top.at, top.named = true, name, true
	if again {
		l.fault("is there more than once")
	}
	if loneSurrogate(sent) {
		l.fault("has half of a surrogate pair in its name")
	}
}

func (l *look) value(token json.Token, sent []byte) error {
	if len(l.open) == 0 && token != json.Delim('{') {
		return errors.New("it is no object")
	}
	if top := len(l.open) - 1; top >= 0 && l.open[top].names == nil {
		l.open[top].at = strconv.Itoa(l.open[top].count)
		l.open[top].count++
	}
	switch token := token.(type) {
	case json.Delim:
		if len(l.open) == maxDepth {
			return errTooDeep
		}
		inner := nest{}
		if token == '{' {
			inner.names = make(map[string]bool)
		}
		l.open = append(l.open, inner)
		return nil
	case nil:
		if len(l.open) > 1 || !l.nullable[l.open[0].at] {
			l.fault("must not be null: leave it out")
		}
	case string:
		if loneSurrogate(sent) {
			l.fault("has half of a surrogate pair")
		}
	case json.Number:
		if _, err := token.Float64(); err != nil {
			l.fault("is too large a number")
		}
		l.writePlain(token.String())
	}
	l.closeValue()
	return nil
}

func (l *look) closeValue() {
	if top := len(l.open) - 1; top >= 0 {
		l.open[top].named = false
		return
	}
	l.ended = true
}

// writePlain replaces the number that the decoder has just read.
func (l *look) writePlain(number string) {
	plain, ok := wholeNumber(number)
	if !ok || plain == number {
		return
	}
	end := int(l.decoder.InputOffset())
	l.plain = append(append(l.plain, l.body[l.copied:end-len(number)]...), plain...)
	l.copied = end
}

// fault names what is looked at.
func (l *look) fault(detail string) {
	path := make([]string, len(l.open))
	for i, o := range l.open {
		path[i] = o.at
	}
	l.faults = addFaults(l.faults, problem.Field{Pointer: pointer(path...), Detail: detail})
}

// loneSurrogate looks for an escaped half of a surrogate pair without its other
// half, in a text as it was sent: the library would put U+FFFD in its place.
func loneSurrogate(sent []byte) bool {
	for i := 0; i+1 < len(sent); i++ {
		if sent[i] != '\\' {
			continue
		}
		i++ // what is escaped
		first, ok := escaped(sent[i-1:])
		if !ok || !utf16.IsSurrogate(first) {
			continue
		}
		second, ok := escaped(sent[i+5:])
		if !ok || utf16.DecodeRune(first, second) == utf8.RuneError {
			return true
		}
		i += 10 // both
	}
	return false
}

// escaped reads a \uXXXX that a text begins with.
func escaped(text []byte) (rune, bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	r, err := strconv.ParseUint(string(text[2:6]), 16, 32)
	return rune(r), err == nil //nolint:gosec // four digits
}
