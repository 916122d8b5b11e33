package dynamo

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"seatmeter/shared/problem"
	"seatmeter/shared/statement"
	"seatmeter/shared/tenant"
)

// sameVersion is the condition that nobody wrote an item since it was read.
const sameVersion = "#version = :before"

// writeNext writes an item whose version is one more than the stored one's, and 1 where
// there is none. It returns what it writes over, if the condition does not hold.
func (s *Store) writeNext(ctx context.Context, i item, version int64) (existing item, refused bool, err error) {
	i.setNumber(attrVersion, version)
	if version == 1 {
		return s.put(ctx, s.usage, i, absent, nil)
	}
	return s.put(ctx, s.usage, i, sameVersion, item{":before": number(version - 1)})
}

// Job implements statement.Jobs.
func (s *Store) Job(ctx context.Context, period string, t tenant.ID) (*statement.Job, error) {
	i, err := s.getFrom(ctx, s.usage, jobsKey(period), string(t), true)
	if err != nil || i == nil {
		return nil, err
	}
	j, err := readJob(i)
	return &j, err
}

// SaveJob implements statement.Jobs by one conditional put.
func (s *Store) SaveJob(ctx context.Context, j statement.Job) (bool, error) {
	i := key(jobsKey(j.Period), string(j.Tenant)).
		setText(attrPeriod, j.Period).setText(attrState, string(j.State)).setNumber(attrAsked, j.AskedMillis).
		setText(attrHolder, j.Holder).setNumber(attrUntil, j.LeaseUntilMillis).setNumber(attrCutoff, j.CutoffMillis).
		setNumber(attrLength, int64(j.Length)).setBytes(attrDays, packJobDays(j.Days)).
		setNumber(attrRevision, int64(j.Revision)).setNumber(attrChecked, j.CheckedMillis)
	if j.Problem != nil {
		document, err := json.Marshal(j.Problem)
		if err != nil {
			return false, fmt.Errorf("write a problem: %w", err)
		}
		i.setBytes(attrProblem, document)
	}
	existing, refused, err := s.writeNext(ctx, i, j.Version)
	if err != nil || !refused || j.Holder == "" || existing == nil {
		return !refused && err == nil, err
	}
	r := reader{item: existing} // the write of a try before, maybe
	ours := r.number(attrVersion) == j.Version && r.text(attrHolder) == j.Holder
	return ours, r.err
}

// Jobs implements statement.Jobs.
func (s *Store) Jobs(ctx context.Context, period string, after tenant.ID, limit int) ([]statement.Job, error) {
	var list []statement.Job
	for i, err := range s.pages(ctx, &dynamodb.QueryInput{
		TableName: s.usage, ConsistentRead: aws.Bool(true), Limit: aws.Int32(int32(limit)), //nolint:gosec // a page
		KeyConditionExpression:    aws.String("#pk = :pk AND #sk BETWEEN :after AND :end"),
		ExpressionAttributeNames:  map[string]string{"#pk": attrPK, "#sk": attrSK},
		ExpressionAttributeValues: item{":pk": text(jobsKey(period)), ":after": text(string(after) + " "), ":end": text(endOfText)},
	}) {
		if err != nil {
			return nil, err
		}
		j, err := readJob(i)
		if err != nil {
			return nil, err
		}
		if list = append(list, j); len(list) == limit {
			break
		}
	}
	return list, nil
}

func readJob(i item) (statement.Job, error) {
	r := reader{item: i}
	j := statement.Job{
		Tenant: tenant.ID(r.text(attrSK)), Period: r.text(attrPeriod), Version: r.number(attrVersion), State: statement.State(r.text(attrState)),
		AskedMillis: r.number(attrAsked), Holder: r.text(attrHolder), LeaseUntilMillis: r.number(attrUntil),
		CutoffMillis: r.number(attrCutoff), Length: r.int(attrLength), Revision: r.int(attrRevision), CheckedMillis: r.number(attrChecked),
		Days: unpackJobDays(r.bytes(attrDays)),
	}
	if document := r.bytes(attrProblem); len(document) > 0 {
		j.Problem = new(problem.Document)
		if err := json.Unmarshal(document, j.Problem); err != nil {
			return j, fmt.Errorf("closing of %s: %w", j.Tenant, err)
		}
	}
	if r.err != nil {
		return j, fmt.Errorf("closing of %s: %w", j.Tenant, r.err)
	}
	return j, nil
}

// jobDayBytes is the size of a packed day: two numbers.
const jobDayBytes = 16

func packJobDays(days []statement.Day) []byte {
	packed := make([]byte, 0, len(days)*jobDayBytes)
	for _, day := range days {
		packed = binary.BigEndian.AppendUint64(packed, day.Sum)
		packed = binary.BigEndian.AppendUint64(packed, uint64(day.Records)) //nolint:gosec // a count
	}
	return packed
}

func unpackJobDays(packed []byte) []statement.Day {
	var days []statement.Day
	for ; len(packed) >= jobDayBytes; packed = packed[jobDayBytes:] {
		days = append(days, statement.Day{
			Sum: binary.BigEndian.Uint64(packed), Records: int64(binary.BigEndian.Uint64(packed[8:])), //nolint:gosec // a count
		})
	}
	return days
}

// Batch implements statement.Jobs.
func (s *Store) Batch(ctx context.Context, period string) (*statement.Batch, error) {
	i, err := s.getFrom(ctx, s.usage, keyClosings, period, true)
	if err != nil || i == nil {
		return nil, err
	}
	b, err := readBatch(i)
	return &b, err
}

// SaveBatch implements statement.Jobs by one conditional put.
func (s *Store) SaveBatch(ctx context.Context, b statement.Batch) (bool, error) {
	_, refused, err := s.writeNext(ctx, key(keyClosings, b.Period).
		setFlag(attrOpen, b.Open).setNumber(attrOpened, b.OpenedMillis).setNumber(attrAsked, b.AskedMillis).setText(attrBy, b.By).
		setText(attrAfter, string(b.After)).setFlag(attrEnlisted, b.Enlisted), b.Version)
	return !refused && err == nil, err
}

// Batches implements statement.Jobs.
func (s *Store) Batches(ctx context.Context) ([]statement.Batch, error) {
	var list []statement.Batch
	for i, err := range s.pages(ctx, &dynamodb.QueryInput{
		TableName: s.usage, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("#pk = :pk"),
		ExpressionAttributeNames:  map[string]string{"#pk": attrPK},
		ExpressionAttributeValues: item{":pk": text(keyClosings)},
	}) {
		if err != nil {
			return nil, err
		}
		b, err := readBatch(i)
		if err != nil {
			return nil, err
		}
		list = append(list, b)
	}
	return list, nil
}

func readBatch(i item) (statement.Batch, error) {
	r := reader{item: i}
	b := statement.Batch{
		Period: r.text(attrSK), Version: r.number(attrVersion), Open: r.flag(attrOpen), OpenedMillis: r.number(attrOpened),
		AskedMillis: r.number(attrAsked), By: r.text(attrBy), After: tenant.ID(r.text(attrAfter)), Enlisted: r.flag(attrEnlisted),
	}
	if r.err != nil {
		return b, fmt.Errorf("batch of closings of %s: %w", b.Period, r.err)
	}
	return b, nil
}
