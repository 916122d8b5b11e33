// Package audit records administrators' actions.
//
// Terms: an action is an administrator's call that changes something. Its entry is
// written before the action, its outcome after it. So every action has an entry. An
// entry without an outcome belongs to an action whose process crashed: all, some or
// nothing of the action may have taken effect. A change is the old and the new value
// of one member of the target. Entries and outcomes are never changed or removed.
//
// Making a join token is not an action: the ledger's stays show its use.
package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
	"seatmeter/shared/typed"
)

// Target names the objects of an action, as in the request.
type Target struct {
	Host       string
	Identity   string
	Conference string
	Connection string
	Period     string
	Webhook    string
	// Reason is the reason in the request, if any.
	Reason string
}

// MaxTargetBytes bounds each member of a target. Names of existing objects are
// shorter; a request may contain longer ones.
const MaxTargetBytes = 254

// Bounded returns the target with its members cut to MaxTargetBytes.
func (t Target) Bounded() Target {
	return Target{bounded(t.Host), bounded(t.Identity), bounded(t.Conference), bounded(t.Connection), bounded(t.Period), bounded(t.Webhook), bounded(t.Reason)}
}

// bounded cuts a string, and quotes one with control characters.
func bounded(text string) string {
	text = strings.ToValidUTF8(text[:min(len(text), MaxTargetBytes)], "")
	if typed.Fault(text, 0, MaxTargetBytes) != "" {
		text = strconv.QuoteToASCII(text)
	}
	return text[:min(len(text), MaxTargetBytes)]
}

// Name is the name of an entry, unique within its tenant.
type Name struct {
	AtMillis  int64
	RequestID string
}

// Compare orders names by time.
func (n Name) Compare(other Name) int {
	return cmp.Or(cmp.Compare(n.AtMillis, other.AtMillis), cmp.Compare(n.RequestID, other.RequestID))
}

// Entry is the record of an action that is about to happen.
type Entry struct {
	Tenant tenant.ID
	Name
	// By is the bearer's sub, Role its role.
	By     string
	Role   string
	Action string
	Target Target
}

// Result is how an action ended.
type Result string

// The results. A failed action may have taken effect in part or completely.
const (
	ResultDone    Result = "done"
	ResultRefused Result = "refused"
	ResultFailed  Result = "failed"
	ResultUnknown Result = "unknown" // no outcome is recorded
)

// Change is the old and the new value of a member, as JSON; null: absent.
type Change struct {
	Member string          `json:"member"`
	From   json.RawMessage `json:"from"`
	To     json.RawMessage `json:"to"`
}

// Outcome is the record of how an action ended.
type Outcome struct {
	Result Result
	// Code is the reason if the action was not done.
	Code    problem.Code
	Changes []Change
}

// OutcomeOf is the outcome of an action that ended with err, or nil. A refusal is
// denied; an internal error is failed.
func OutcomeOf(err error, changes []Change) Outcome {
	if err == nil {
		return Outcome{Result: ResultDone, Changes: changes}
	}
	o := Outcome{Result: ResultRefused, Code: problem.As(err).Code, Changes: changes}
	if o.Code == problem.Internal || o.Code == problem.Unavailable {
		o.Result = ResultFailed
	}
	return o
}

// Record is an entry with its outcome, ResultUnknown if there is none.
type Record struct {
	Entry
	Outcome
}

// ErrTaken means that another entry has the name.
var ErrTaken = errors.New("another entry has this name")

// Log stores entries and outcomes, append-only. Writes are safe to retry. Errors
// are the store's own, except ErrTaken.
type Log interface {
	// BeginAction writes an action's entry; ErrTaken if a different entry has its
	// name.
	BeginAction(ctx context.Context, e Entry) error
	// EndAction writes an action's outcome, if it has none.
	EndAction(ctx context.Context, t tenant.ID, n Name, o Outcome) error
	// Actions lists up to limit records of [fromMillis, toMillis), consistently, the
	// newest first, from the one after the given name; the zero Name: from the start.
	Actions(ctx context.Context, t tenant.ID, fromMillis, toMillis int64, after Name, limit int) ([]Record, error)
}

// Compare lists the members that differ between two values, both encoded as JSON
// objects, in order of their names. Nil has no members.
func Compare(from, to any) ([]Change, error) {
	before, err := members(from)
	if err != nil {
		return nil, err
	}
	after, err := members(to)
	if err != nil {
		return nil, err
	}
	all := maps.Clone(before)
	maps.Copy(all, after)
	var changes []Change
	for _, name := range slices.Sorted(maps.Keys(all)) {
		c := Change{Member: name, From: orNull(before[name]), To: orNull(after[name])}
		if string(c.From) != string(c.To) {
			changes = append(changes, c)
		}
	}
	return changes, nil
}

func members(of any) (map[string]json.RawMessage, error) {
	text, err := json.Marshal(of)
	if err != nil {
		return nil, fmt.Errorf("write what changes: %w", err)
	}
	read := make(map[string]json.RawMessage)
	if err := json.Unmarshal(text, &read); err != nil {
		return nil, fmt.Errorf("read what changes: %w", err)
	}
	if read == nil { // null
		read = make(map[string]json.RawMessage)
	}
	return read, nil
}

func orNull(value json.RawMessage) json.RawMessage {
	if value == nil {
		return json.RawMessage("null")
	}
	return value
}

// Replace puts a pseudonym in the place of a person wherever a changed member is the
// person or, in changes of a host, the person's display name. It tells whether one was.
// isTarget: the action was on the person.
func Replace(changes []Change, person, pseudonym string, isTarget bool) bool {
	written, err := json.Marshal(pseudonym)
	if err != nil {
		return false // a text always can be written
	}
	is := func(value json.RawMessage) bool {
		var text string
		return json.Unmarshal(value, &text) == nil && text == person
	}
	from, to := isTarget, isTarget
	for _, c := range changes {
		if c.Member == "email" {
			from, to = is(c.From), is(c.To)
		}
	}
	replaced := false
	replace := func(value *json.RawMessage, named bool) {
		if is(*value) || named && len(*value) > 0 && (*value)[0] == '"' {
			*value, replaced = written, true
		}
	}
	for i := range changes {
		c := &changes[i]
		replace(&c.From, from && c.Member == "name")
		replace(&c.To, to && c.Member == "name")
	}
	return replaced
}
