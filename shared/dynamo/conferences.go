package dynamo

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/removal"
	"seatmeter/shared/signal"
	"seatmeter/shared/tenant"
)

// NextNumber implements conference.Conferences. A retry may skip a number, which
// is harmless.
func (s *Store) NextNumber(ctx context.Context, t tenant.ID) (conference.Number, error) {
	result, _, err := s.apply(ctx, change{
		pk: tenantKey(t), sk: keyCounters, update: "ADD #conferences :one",
		values: item{":one": number(1)}, returns: types.ReturnValueUpdatedNew,
	})
	if err != nil {
		return 0, err
	}
	r := reader{item: result}
	return conference.Number(r.number(attrConferences)), r.err
}

// Schedule implements conference.Conferences by one conditional put.
func (s *Store) Schedule(ctx context.Context, c conference.Conference) (*conference.Conference, error) {
	i := key(tenantKey(c.Tenant), conferenceKey(c.ID)).
		setNumber(attrNumber, int64(c.Number)).setText(attrHost, string(c.Host)).setText(attrHostPseudonym, c.HostPseudonym).setText(attrTitle, c.Title).
		setText(attrState, string(c.State)).setTime(attrStarts, c.StartsAt).setTime(attrCreated, c.CreatedAt)
	existing, refused, err := s.put(ctx, s.live, i, "attribute_not_exists(#pk) OR #state = :ended AND attribute_not_exists(#busy)",
		item{":ended": text(string(conference.StateEnded))})
	if err != nil || !refused {
		return nil, err
	}
	return readConference(c.Tenant, existing)
}

// Conference implements conference.Conferences.
func (s *Store) Conference(ctx context.Context, t tenant.ID, id conference.ID, consistent bool) (*conference.Conference, error) {
	i, err := s.get(ctx, tenantKey(t), conferenceKey(id), consistent)
	if err != nil || i == nil {
		return nil, err
	}
	return readConference(t, i)
}

// Conferences implements conference.Conferences.
func (s *Store) Conferences(ctx context.Context, t tenant.ID, after conference.ID, limit int) ([]conference.Conference, error) {
	items, err := s.list(ctx, tenantKey(t), prefixConf, string(after), limit)
	if err != nil {
		return nil, err
	}
	list := make([]conference.Conference, 0, len(items))
	for _, i := range items {
		c, err := readConference(t, i)
		if err != nil {
			return nil, err
		}
		list = append(list, *c)
	}
	return list, nil
}

// Reschedule implements conference.Conferences by one UpdateItem.
func (s *Store) Reschedule(ctx context.Context, of conference.Conference, to conference.Change) (*conference.Conference, error) {
	c := change{condition: "#number = :number AND #state = :scheduled", values: item{
		":number": number(of.Number), ":scheduled": text(string(conference.StateScheduled)),
	}}
	var sets, removes []string
	set := func(attribute, value string, to types.AttributeValue) {
		sets, c.values[value] = append(sets, attribute+" = "+value), to
	}
	if to.Host != nil {
		set("#host", ":host", text(string(*to.Host)))
		if to.HostPseudonym != "" {
			set("#host_pseudonym", ":host_pseudonym", text(to.HostPseudonym))
		} else {
			removes = append(removes, "#host_pseudonym")
		}
	}
	if to.StartsAt != nil {
		set("#starts_at", ":starts", number(to.StartsAt.UnixMilli()))
	}
	if to.Title != nil && *to.Title != "" {
		set("#title", ":title", text(*to.Title))
	}
	if to.Removed != nil {
		noted := noteRemoved(of.Removed, to.Removed)
		sets, c.condition = append(sets, strings.TrimPrefix(noted.update, "SET ")), c.condition+" AND "+noted.condition
		maps.Copy(c.values, noted.values)
	}
	if len(sets) > 0 {
		c.update = "SET " + strings.Join(sets, ", ")
	}
	if to.Title != nil && *to.Title == "" {
		removes = append(removes, "#title")
	}
	if len(removes) > 0 {
		c.update = strings.TrimSpace(c.update + " REMOVE " + strings.Join(removes, ", "))
	}
	return s.changeConference(ctx, of.Tenant, of.ID, c)
}

// noting writes a note of what a change of a conference is about to do, and then makes
// the change: a transaction would conflict where many join at once. The note counts only
// once the change is seen in the conference. A note of a change that did not happen here
// is removed again. (Two of the same moment are one note, which stays if either happened.)
func (s *Store) noting(ctx context.Context, n signal.Note, do func() (*conference.Conference, error), done func(*conference.Conference) bool) (*conference.Conference, error) {
	n.Key = newNoteKey(n)
	if err := s.Signal(ctx, n); err != nil {
		return nil, err
	}
	c, err := do()
	if err != nil || c != nil && done(c) {
		return c, err
	}
	return c, s.RemoveNote(ctx, n.Key)
}

func conferenceNote(t tenant.ID, id conference.ID, number conference.Number, of signal.Type, at time.Time) signal.Note {
	_, name, _ := strings.Cut(strings.TrimPrefix(string(of), "seatmeter."), ".")
	event := signal.Event{ID: fmt.Sprintf("%s_%s_%d", name, t, number), Tenant: t, Type: of, AtMillis: at.UnixMilli()}
	return signal.Note{Event: event, DueMillis: event.AtMillis, Conference: signal.ConferenceNote{ID: string(id), Number: int64(number)}}
}

// ends makes a change that ends a conference, with a note of it.
func (s *Store) ends(ctx context.Context, t tenant.ID, id conference.ID, numbered conference.Number, at time.Time, c change) (*conference.Conference, error) {
	return s.noting(ctx, conferenceNote(t, id, numbered, signal.ConferenceEnded, at),
		func() (*conference.Conference, error) { return s.changeConference(ctx, t, id, c) },
		func(c *conference.Conference) bool {
			return c.Number == numbered && c.EndedAt.UnixMilli() == at.UnixMilli()
		})
}

// GoLive implements conference.Conferences by a note and one UpdateItem, which also puts
// the conference on the agenda.
func (s *Store) GoLive(ctx context.Context, of conference.Conference, at time.Time, own bool) (*conference.Conference, error) {
	c := change{
		update:    "SET #state = :live, #live_at = :at, #busy = :busy",
		condition: "#number = :number AND #state = :scheduled",
		values: item{
			":live": text(string(conference.StateLive)), ":at": number(at.UnixMilli()), ":number": number(of.Number),
			":scheduled": text(string(conference.StateScheduled)), ":busy": text(poolShard(of.Tenant, 0)),
		},
	}
	if own {
		c.values[":busy"] = text(poolShard(of.Tenant, of.Number))
		c.update += ", #own_pools = :yes"
		c.condition += " AND #host = :host"
		c.values.setFlag(":yes", true).setText(":host", string(of.Host))
	}
	return s.noting(ctx, conferenceNote(of.Tenant, of.ID, of.Number, signal.ConferenceLive, at),
		func() (*conference.Conference, error) { return s.changeConference(ctx, of.Tenant, of.ID, c) },
		func(c *conference.Conference) bool {
			return c.Number == of.Number && c.LiveAt.UnixMilli() == at.UnixMilli()
		})
}

// End implements conference.Conferences by a note and one UpdateItem, which also puts
// the conference on the agenda.
func (s *Store) End(ctx context.Context, t tenant.ID, id conference.ID, numbered conference.Number, at time.Time) (*conference.Conference, error) {
	return s.ends(ctx, t, id, numbered, at, change{
		update:    "SET #state = :ended, #ended_at = :at, #busy = :busy REMOVE #vacant_since",
		condition: "#number = :number AND (#state = :scheduled OR #state = :live)",
		values: item{
			":ended": text(string(conference.StateEnded)), ":at": number(at.UnixMilli()), ":number": number(numbered),
			":scheduled": text(string(conference.StateScheduled)), ":live": text(string(conference.StateLive)), ":busy": text(poolShard(t, numbered)),
		},
	})
}

// NoteRemoved implements conference.Conferences by one UpdateItem.
func (s *Store) NoteRemoved(ctx context.Context, t tenant.ID, id conference.ID, numbered conference.Number, was, is removal.Notes) (bool, error) {
	c := noteRemoved(was, is)
	c.pk, c.sk, c.condition = tenantKey(t), conferenceKey(id), "#number = :number AND "+c.condition
	c.values[":number"] = number(numbered)
	_, refused, err := s.apply(ctx, c)
	return !refused && err == nil, err
}

// noteRemoved replaces notes on condition that they are as they were read.
func noteRemoved(was, is removal.Notes) change {
	c := change{update: "SET #removed = :is", condition: "attribute_not_exists(#removed)", values: item{":is": notes(is)}}
	if len(was) > 0 {
		c.condition, c.values[":was"] = "#removed = :was", notes(was)
	}
	return c
}

func notes(n removal.Notes) types.AttributeValue {
	m := make(item, len(n))
	for key, at := range n {
		m[string(key)] = number(at)
	}
	return &types.AttributeValueMemberM{Value: m}
}

// Finish implements conference.Conferences: it takes the conference off the
// agenda.
func (s *Store) Finish(ctx context.Context, t tenant.ID, id conference.ID, numbered conference.Number) error {
	_, err := s.changeConference(ctx, t, id, change{
		update: "REMOVE #busy", condition: "#number = :number AND #state = :ended",
		values: item{":number": number(numbered), ":ended": text(string(conference.StateEnded))},
	})
	return err
}

// Vacate implements conference.Conferences by one UpdateItem. Only a live
// conference has the mark.
func (s *Store) Vacate(ctx context.Context, t tenant.ID, id conference.ID, numbered conference.Number, since time.Time) error {
	_, err := s.changeConference(ctx, t, id, change{
		update:    "SET #vacant_since = :since",
		condition: "#number = :number AND #state = :live AND attribute_not_exists(#vacant_since)",
		values:    item{":since": number(since.UnixMilli()), ":number": number(numbered), ":live": text(string(conference.StateLive))},
	})
	return err
}

// Occupy implements conference.Conferences by one UpdateItem.
func (s *Store) Occupy(ctx context.Context, t tenant.ID, id conference.ID, numbered conference.Number) (*conference.Conference, error) {
	return s.changeConference(ctx, t, id, change{
		update: "REMOVE #vacant_since", condition: "#number = :number", values: item{":number": number(numbered)},
	})
}

// Expire implements conference.Conferences by a note and one UpdateItem.
func (s *Store) Expire(ctx context.Context, t tenant.ID, id conference.ID, numbered conference.Number, since, at time.Time) (*conference.Conference, error) {
	return s.ends(ctx, t, id, numbered, at, change{
		update:    "SET #state = :ended, #ended_at = :at REMOVE #vacant_since",
		condition: "#number = :number AND #vacant_since = :since",
		values: item{
			":ended": text(string(conference.StateEnded)), ":at": number(at.UnixMilli()),
			":number": number(numbered), ":since": number(since.UnixMilli()),
		},
	})
}

// changeConference applies a change and returns the conference as it is then,
// changed or not; nil if there is none.
func (s *Store) changeConference(ctx context.Context, t tenant.ID, id conference.ID, c change) (*conference.Conference, error) {
	c.pk, c.sk, c.returns = tenantKey(t), conferenceKey(id), types.ReturnValueAllNew
	result, _, err := s.apply(ctx, c)
	if err != nil || result == nil {
		return nil, err
	}
	result[attrSK] = text(conferenceKey(id))
	return readConference(t, result)
}

func readConference(t tenant.ID, i item) (*conference.Conference, error) {
	r := reader{item: i}
	c := &conference.Conference{
		Tenant: t, ID: conference.ID(strings.TrimPrefix(r.text(attrSK), prefixConf)),
		Number: conference.Number(r.number(attrNumber)), Host: host.Email(r.text(attrHost)), HostPseudonym: r.text(attrHostPseudonym), Title: r.text(attrTitle),
		State: conference.State(r.text(attrState)), StartsAt: r.time(attrStarts), CreatedAt: r.time(attrCreated),
		LiveAt: r.time(attrLive), EndedAt: r.time(attrEnded), VacantSince: r.time(attrVacant), OwnPools: r.flag(attrOwn), Removed: r.notes(attrRemoved),
	}
	c.Ending = c.State == conference.StateEnded && r.text(attrBusy) != ""
	if r.err != nil {
		return nil, fmt.Errorf("conference %s of %s: %w", c.ID, t, r.err)
	}
	return c, nil
}
