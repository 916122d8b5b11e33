// Package audit records what admins did.
//
// Terms: an action is an admin's call that changes something. Its entry is
// written before it happens, its outcome after it. So nothing happens without an
// entry, and an entry without an outcome is of an action whose process crashed:
// all, a part or nothing of it may have happened. A change is one member of the
// target, from one value to another. Entries and outcomes are never changed or
// removed.
//
// Join tokens are made for every visitor and are no actions: the ledger's stays
// show their use.
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

// Target is what an action is about: what of it the request names.
type Target struct {
	Host       string
	Conference string
	Connection string
	Period     string
	// Reason is the one that was given, if one was.
	Reason string
}

// MaxTargetBytes bounds each member of a target. A request may name what is
// longer, but not what exists.
const MaxTargetBytes = 254

// Bounded is the target cut down to what can be kept.
func (t Target) Bounded() Target {
	return Target{bounded(t.Host), bounded(t.Conference), bounded(t.Connection), bounded(t.Period), bounded(t.Reason)}
}

// bounded cuts a text, and quotes one that could not be the name of anything: it
// may have control characters.
func bounded(text string) string {
	text = strings.ToValidUTF8(text[:min(len(text), MaxTargetBytes)], "")
	if typed.Fault(text, 0, MaxTargetBytes) != "" {
		text = strconv.QuoteToASCII(text)
	}
	return text[:min(len(text), MaxTargetBytes)]
}

// Name is an entry's, unique within its tenant.
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
	// By is the bearer's sub, Role what the bearer was.
	By     string
	Role   string
	Action string
	Target Target
}

// Result is how an action ended.
type Result string

// The results. Of what failed, a part may have happened, or all of it.
const (
	ResultDone    Result = "done"
	ResultRefused Result = "refused"
	ResultFailed  Result = "failed"
	ResultUnknown Result = "unknown" // no outcome is recorded
)

// Change says of one member from what to what it went, both as JSON: null is
// nothing.
type Change struct {
	Member string          `json:"member"`
	From   json.RawMessage `json:"from"`
	To     json.RawMessage `json:"to"`
}

// Outcome is the record of how an action ended.
type Outcome struct {
	Result Result
	// Code says why, if it was not done.
	Code    problem.Code
	Changes []Change
}

// OutcomeOf is that of an action which ended with an error or none. A refusal is
// an answer; what is a fault of ours has failed.
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

// Record is an entry and its outcome: unknown, if there is none.
type Record struct {
	Entry
	Outcome
}

// ErrTaken says that another entry has the name.
var ErrTaken = errors.New("another entry has this name")

// Log stores entries and outcomes, append-only. Writes are safe to retry. Errors
// are the store's own, except ErrTaken.
type Log interface {
	// BeginAction writes an action's entry; ErrTaken, if one of its name is
	// there that is not the same.
	BeginAction(ctx context.Context, e Entry) error
	// EndAction writes an action's outcome. The first one stands.
	EndAction(ctx context.Context, t tenant.ID, n Name, o Outcome) error
	// Actions lists up to limit records of [fromMillis, toMillis), consistently,
	// the newest first, beginning after one; the zero Name is before all.
	Actions(ctx context.Context, t tenant.ID, fromMillis, toMillis int64, after Name, limit int) ([]Record, error)
}

// Compare lists the members in which two things differ that are written as JSON
// objects, in order of their names. Nil has none.
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
