package dynamo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/books"
	"seatmeter/shared/conference"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

// Register implements books.Register.
func (s *Store) Register(ctx context.Context, t tenant.ID, numbered conference.Number, atMillis int64) error {
	i := key(registerKeyHead+string(t), timeKey(atMillis)+"#"+strconv.FormatInt(int64(numbered), base)).
		setNumber(attrNumber, int64(numbered)).setNumber(attrAt, atMillis).
		setNumber(attrExpires, atMillis/millisPerSecond+booksSeconds)
	_, _, err := s.put(ctx, s.live, i, "", nil)
	return err
}

// Registered implements books.Books.
func (s *Store) Registered(ctx context.Context, t tenant.ID, sinceMillis int64) (map[conference.Number]int64, error) {
	numbers := make(map[conference.Number]int64)
	for i, err := range s.pages(ctx, &dynamodb.QueryInput{
		TableName: s.live, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("#pk = :pk AND #sk BETWEEN :from AND :to"),
		ExpressionAttributeNames:  map[string]string{"#pk": attrPK, "#sk": attrSK},
		ExpressionAttributeValues: item{":pk": text(registerKeyHead + string(t)), ":from": text(timeKey(sinceMillis)), ":to": text(timeKey(maxMillis))},
	}) {
		if err != nil {
			return nil, err
		}
		r := reader{item: i}
		numbered, at := conference.Number(r.number(attrNumber)), r.number(attrAt)
		if r.err != nil {
			return nil, r.err
		}
		numbers[numbered] = cmp.Or(numbers[numbered], at)
	}
	return numbers, nil
}

// LastAudit implements books.Books by one query, of the time and the checkpoints.
func (s *Store) LastAudit(ctx context.Context, t tenant.ID) (books.Audit, error) {
	items, err := s.list(ctx, booksKeyHead+string(t), "", "", 0)
	if err != nil {
		return books.Audit{}, err
	}
	audit := books.Audit{Checkpoints: make(map[seat.Block]books.Checkpoint)}
	for _, i := range items {
		r := reader{item: i}
		sk := r.text(attrSK)
		if sk == keyAudited {
			audit.AtMillis = r.number(attrAt)
			continue
		}
		block, err := checkpointBlock(t, sk)
		if err != nil {
			return audit, err
		}
		if audit.Checkpoints[block], err = readCheckpoint(i); err != nil {
			return audit, err
		}
	}
	return audit, nil
}

func readCheckpoint(i item) (books.Checkpoint, error) {
	r := reader{item: i}
	c := books.Checkpoint{AtMillis: r.number(attrAt), Taken: r.number(attrTaken), Voids: r.number(attrVoids)}
	if open, ok := i[attrOpen].(*types.AttributeValueMemberM); ok {
		joined := reader{item: open.Value}
		for id := range open.Value {
			c.Open = append(c.Open, books.OpenSeat{Connection: seat.ConnectionID(id), JoinedAtMillis: joined.number(id)})
		}
		r.err = errors.Join(r.err, joined.err)
	}
	slices.SortFunc(c.Open, func(a, b books.OpenSeat) int { return cmp.Compare(a.Connection, b.Connection) })
	return c, r.err
}

// PutCheckpoint implements books.Books.
func (s *Store) PutCheckpoint(ctx context.Context, block seat.Block, c books.Checkpoint) error {
	pk, sk := checkpointKeys(block)
	open := item{}
	for _, sitting := range c.Open {
		open[string(sitting.Connection)] = number(sitting.JoinedAtMillis)
	}
	i := key(pk, sk).setNumber(attrAt, c.AtMillis).setNumber(attrTaken, c.Taken).setNumber(attrVoids, c.Voids)
	if block.Pool.Number != 0 {
		i.setNumber(attrExpires, c.AtMillis/millisPerSecond+booksSeconds)
	}
	i[attrOpen] = &types.AttributeValueMemberM{Value: open}
	_, _, err := s.put(ctx, s.live, i, "", nil)
	return err
}

// EndAudit implements books.Books.
func (s *Store) EndAudit(ctx context.Context, t tenant.ID, atMillis int64) error {
	_, _, err := s.put(ctx, s.live, key(booksKeyHead+string(t), keyAudited).setNumber(attrAt, atMillis), "", nil)
	return err
}

// AuditedUntil implements books.Books.
func (s *Store) AuditedUntil(ctx context.Context) (int64, error) {
	i, err := s.get(ctx, keyAudits, keyCursor, true)
	if err != nil {
		return 0, err
	}
	r := reader{item: i}
	return r.number(attrAt), r.err
}

// SaveAuditedUntil implements books.Books.
func (s *Store) SaveAuditedUntil(ctx context.Context, atMillis int64) error {
	_, _, err := s.put(ctx, s.live, key(keyAudits, keyCursor).setNumber(attrAt, atMillis), "", nil)
	return err
}

// checkpointBlock is the block of a checkpoint's key.
func checkpointBlock(t tenant.ID, sk string) (seat.Block, error) {
	parts := strings.Split(sk, "#")
	if len(parts) != 3 { //nolint:mnd // as checkpointKeys
		return seat.Block{}, fmt.Errorf("checkpoint %q is of no block", sk)
	}
	numbered, err := strconv.ParseInt(parts[0], base, 64)
	if err != nil {
		return seat.Block{}, fmt.Errorf("checkpoint %q: %w", sk, err)
	}
	index, err := parseIndex(parts[2])
	return seat.Block{Pool: seat.Pool{Tenant: t, Number: conference.Number(numbered), Chair: parts[1] == chairPage}, Index: index}, err
}
