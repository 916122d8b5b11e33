package dynamo

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

const millisPerSecond = 1000

// Session implements session.Sessions.
func (s *Store) Session(ctx context.Context, id seat.ConnectionID, consistent bool) (*session.Session, error) {
	i, err := s.get(ctx, sessionKey(id), keySession, consistent)
	if err != nil || i == nil {
		return nil, err
	}
	return readSession(i)
}

// Begin implements session.Sessions by one conditional put.
func (s *Store) Begin(ctx context.Context, begun session.Session) (*session.Session, error) {
	return s.putSession(ctx, begun, absent, nil)
}

// Change implements session.Sessions by one conditional put.
func (s *Store) Change(ctx context.Context, changed session.Session) (*session.Session, error) {
	return s.putSession(ctx, changed, "#version = :was", item{":was": number(changed.Version - 1)})
}

func (s *Store) putSession(ctx context.Context, one session.Session, condition string, values item) (*session.Session, error) {
	existing, refused, err := s.put(ctx, s.live, writeSession(one), condition, values)
	if err != nil || !refused {
		return nil, err
	}
	if existing == nil {
		return &session.Session{Connection: one.Connection, State: session.StateGone}, nil
	}
	return readSession(existing)
}

// Lobby implements session.Sessions by a query of the sparse index, which is
// eventually consistent.
func (s *Store) Lobby(ctx context.Context, t tenant.ID, number conference.Number) ([]seat.ConnectionID, error) {
	in := &dynamodb.QueryInput{
		TableName: s.live, IndexName: aws.String(indexLobby),
		KeyConditionExpression:    aws.String("#lobby = :lobby"),
		ExpressionAttributeNames:  map[string]string{"#lobby": attrLobbyOf},
		ExpressionAttributeValues: item{":lobby": text(lobbyKey(t, number))},
	}
	var ids []seat.ConnectionID
	for {
		out, err := s.query(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, i := range out.Items {
			ids = append(ids, connectionOf(i))
		}
		if out.LastEvaluatedKey == nil {
			return ids, nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

// Sessions implements session.Sessions by batches of 100.
func (s *Store) Sessions(ctx context.Context, ids []seat.ConnectionID, consistent bool) (map[seat.ConnectionID]session.Session, error) {
	found := make(map[seat.ConnectionID]session.Session, len(ids))
	ids = slices.Compact(slices.Sorted(slices.Values(ids))) // a batch may not name a key twice
	keys := make([]map[string]types.AttributeValue, len(ids))
	for n, id := range ids {
		keys[n] = key(sessionKey(id), keySession)
	}
	err := s.batch(ctx, keys, consistent, func(i item) error {
		one, err := readSession(i)
		if err != nil {
			return err
		}
		found[one.Connection] = *one
		return nil
	})
	return found, err
}

func connectionOf(i item) seat.ConnectionID {
	return seat.ConnectionID(strings.TrimPrefix((&reader{item: i}).text(attrPK), connectionKeyHead))
}

func writeSession(s session.Session) item {
	keep := int64(session.KeepMillis)
	if s.StayID != "" {
		keep = session.KeepSeatedMillis
	}
	i := key(sessionKey(s.Connection), keySession).
		setText(attrState, string(s.State)).setText(attrTenant, string(s.Tenant)).
		setText(attrConference, string(s.Conference)).setNumber(attrNumber, int64(s.Number)).
		setText(attrHost, string(s.Host)).setText(attrIdentity, s.Identity).setText(attrRole, string(s.Role)).
		setNumber(attrSeat, s.Seat).setNumber(attrMark, int64(s.Mark)).setNumber(attrJoined, s.JoinedAtMillis).
		setNumber(attrLimit, int64(s.Limit)).setNumber(attrInUse, int64(s.InUse)).
		setNumber(attrShards, int64(s.Shards)).
		setNumber(attrExpires, (s.BeganMillis+keep)/millisPerSecond)
	i.setText(attrPseudonym, s.Pseudonym).setText(attrHostPseudonym, s.HostPseudonym)
	i.setText(attrFrom, string(s.From)).setNumber(attrFenced, s.FencedMillis).setNumber(attrIssued, s.IssuedMillis)
	i.setNumber(attrMoved, s.MovedAtMillis).setText(attrStay, string(s.StayID)).setFlag(attrResumed, s.Resumed)
	i.setNumber(attrQueued, s.QueuedMillis).setFlag(attrOwn, s.QueuedOwn).setNumber(attrLease, int64(s.LeaseSeconds))
	i[attrVersion], i[attrBegan] = number(s.Version), number(s.BeganMillis)
	if s.State == session.StateLobby {
		i[attrLobbyOf] = text(lobbyKey(s.Tenant, s.Number))
	}
	return writeBlockName(i, s.Block)
}

func readSession(i item) (*session.Session, error) {
	r := reader{item: i}
	t := tenant.ID(r.text(attrTenant))
	s := &session.Session{
		Connection: connectionOf(i), State: session.State(r.text(attrState)),
		BeganMillis: r.number(attrBegan), MovedAtMillis: r.number(attrMoved), Version: r.number(attrVersion),
		Tenant: t, Conference: conference.ID(r.text(attrConference)), Number: conference.Number(r.number(attrNumber)),
		Host: host.Email(r.text(attrHost)), Identity: r.text(attrIdentity), Pseudonym: r.text(attrPseudonym), HostPseudonym: r.text(attrHostPseudonym), Role: jointoken.Role(r.text(attrRole)),
		StayID: usage.StayID(r.text(attrStay)), Resumed: r.flag(attrResumed),
		QueuedMillis: r.number(attrQueued), QueuedOwn: r.flag(attrOwn),
		From: seat.ConnectionID(r.text(attrFrom)), FencedMillis: r.number(attrFenced), IssuedMillis: r.number(attrIssued),
		Block: readBlockName(&r, t), Seat: r.number(attrSeat), JoinedAtMillis: r.number(attrJoined),
		Mark:  uint16(r.number(attrMark)), //nolint:gosec // written from one
		Limit: r.int(attrLimit), InUse: r.int(attrInUse), Shards: r.int(attrShards), LeaseSeconds: r.int(attrLease),
	}
	if r.err != nil {
		return nil, fmt.Errorf("session %s: %w", s.Connection, r.err)
	}
	return s, nil
}

// writeBlockName adds the name of a block of the item's tenant.
func writeBlockName(i item, b seat.Block) item {
	if b == (seat.Block{}) {
		return i
	}
	i[attrBlock] = number(b.Index)
	return i.setNumber(attrPool, int64(b.Pool.Number)).setFlag(attrChair, b.Pool.Chair)
}

func readBlockName(r *reader, t tenant.ID) seat.Block {
	if _, exists := r.item[attrBlock]; !exists {
		return seat.Block{}
	}
	return seat.Block{
		Pool:  seat.Pool{Tenant: t, Number: conference.Number(r.number(attrPool)), Chair: r.flag(attrChair)},
		Index: r.int(attrBlock),
	}
}
