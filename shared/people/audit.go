package people

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"seatmeter/shared/audit"
	"seatmeter/shared/host"
	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
)

// A host's display name goes with the host's address: in the book it is the address and
// the name, with a separator that no identity can have.
const ofPerson = "\x1f"

// display is an identity of the book as it is shown.
func display(identity string) string {
	if _, name, found := strings.Cut(identity, ofPerson); found {
		return name
	}
	return identity
}

// HideTarget puts pseudonyms in the place of the people in an action's target.
func (b *Book) HideTarget(ctx context.Context, t tenant.ID, target audit.Target) (audit.Target, error) {
	if _, err := host.ParseEmail(target.Host, ""); err == nil {
		if target.Host, err = b.Pseudonym(ctx, t, target.Host); err != nil {
			return target, err
		}
	}
	if target.Identity == "" || IsPseudonym(target.Identity) {
		return target, nil
	}
	pseudonym, err := b.Pseudonym(ctx, t, target.Identity)
	target.Identity = pseudonym
	return target, err
}

// HideChanges puts pseudonyms in the place of people in the changes of an action on a
// target, as it was before HideTarget.
func (b *Book) HideChanges(ctx context.Context, t tenant.ID, target audit.Target, changes []audit.Change) ([]audit.Change, error) {
	hidden := make([]audit.Change, len(changes))
	from, to := target.Host, target.Host
	for _, c := range changes {
		if c.Member == "email" { // the host is replaced by another person
			from, to = textOr(c.From, from), textOr(c.To, to)
		}
	}
	var faults error
	hide := func(value json.RawMessage, of string) json.RawMessage {
		is := textOr(value, "")
		if is == "" || faults != nil {
			return value
		}
		pseudonym, err := b.Pseudonym(ctx, t, of+is)
		written, unwritten := json.Marshal(pseudonym)
		faults = errors.Join(err, unwritten)
		return written
	}
	for i, c := range changes {
		switch c.Member {
		case "email", "host", "identity":
			c.From, c.To = hide(c.From, ""), hide(c.To, "")
		case "name":
			c.From, c.To = hide(c.From, from+ofPerson), hide(c.To, to+ofPerson)
		}
		hidden[i] = c
	}
	return hidden, faults
}

func textOr(value json.RawMessage, otherwise string) string {
	var text string
	if json.Unmarshal(value, &text) != nil || text == "" {
		return otherwise
	}
	return text
}

// ShowActions puts identities in the place of pseudonyms in records of the audit log.
func (n *Names) ShowActions(ctx context.Context, records []audit.Record) error {
	var texts []*string
	var write []func() error
	for i := range records {
		r := &records[i]
		texts = append(texts, &r.Target.Host, &r.Target.Identity)
		for j := range r.Changes {
			for _, value := range []*json.RawMessage{&r.Changes[j].From, &r.Changes[j].To} {
				text := textOr(*value, "")
				if !IsPseudonym(text) {
					continue
				}
				texts = append(texts, &text)
				write = append(write, func() (err error) {
					*value, err = json.Marshal(text)
					return err //nolint:wrapcheck // there is none: a text always can be written
				})
			}
		}
	}
	if err := n.Resolve(ctx, texts...); err != nil {
		return problem.Wrap("show people", err)
	}
	var unwritten error
	for _, one := range write {
		unwritten = errors.Join(unwritten, one())
	}
	return unwritten
}

// Nobody stands for people of whom nothing is to be known.
const Nobody = prefix + "aaaaaaaaaaaaaaaa"

// Forget puts Nobody in the place of people who are in clear in the changes of an action,
// and null in the place of free text and addresses of webhooks, which may name people or
// have secrets. It tells whether there were any.
func Forget(changes []audit.Change) bool {
	found := false
	for i := range changes {
		for _, value := range []*json.RawMessage{&changes[i].From, &changes[i].To} {
			text := textOr(*value, "")
			switch changes[i].Member {
			case "email", "host", "identity", "name":
				if text != "" && !IsPseudonym(text) {
					*value, found = json.RawMessage(`"`+Nobody+`"`), true
				}
			case "title", "description", "url":
				if text != "" {
					*value, found = json.RawMessage("null"), true
				}
			}
		}
	}
	return found
}
