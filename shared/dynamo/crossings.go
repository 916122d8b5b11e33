package dynamo

import (
	"context"
	"hash/fnv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/conference"
	"seatmeter/shared/crossing"
	"seatmeter/shared/license"
	"seatmeter/shared/seat"
	"seatmeter/shared/signal"
)

// levelKeepSeconds is how long a level that went down is kept: longer than records of
// refusals can come, which its ClearedMillis is compared with.
const levelKeepSeconds = 2 * 24 * 60 * 60

// Level implements crossing.Levels.
func (s *Store) Level(ctx context.Context, pool seat.Pool) (crossing.Level, error) {
	pk, sk := levelKeys(pool)
	i, err := s.get(ctx, pk, sk, true)
	if err != nil || i == nil {
		return crossing.Level{Pool: pool}, err
	}
	return readLevel(pool, i)
}

func readLevel(pool seat.Pool, i item) (crossing.Level, error) {
	l, r := crossing.Level{Pool: pool}, reader{item: i}
	l.Conference, l.Raised = conference.ID(r.text(attrConference)), license.Percents(r.text(attrRaised))
	l.Exhausted, l.Near, l.ClearedMillis, l.Version = r.flag(attrExhausted), r.flag(attrNear), r.number(attrCleared), r.number(attrVersion)
	return l, r.err
}

// SaveLevel implements crossing.Levels by one transaction. A level that is up is in the
// index of the agenda; another one expires.
func (s *Store) SaveLevel(ctx context.Context, l crossing.Level, tell ...signal.Note) (bool, error) {
	noted, err := s.noted(tell)
	if err != nil {
		return false, err
	}
	i := key(levelKeys(l.Pool)).setText(attrConference, string(l.Conference)).setText(attrRaised, string(l.Raised)).
		setFlag(attrExhausted, l.Exhausted).setFlag(attrNear, l.Near).setNumber(attrCleared, l.ClearedMillis).setNumber(attrVersion, l.Version)
	if l.Up() {
		i.setText(attrBusy, raisedKey(levelShard(l.Pool)))
	} else {
		i.setNumber(attrExpires, s.now().Unix()+levelKeepSeconds)
	}
	condition, values := absent, item(nil)
	if l.Version > 1 {
		condition, values = sameVersion, item{":before": number(l.Version - 1)}
	}
	reasons, err := s.transact(ctx, append([]types.TransactWriteItem{{Put: &types.Put{
		TableName: s.live, Item: i, ConditionExpression: aws.String(condition), ExpressionAttributeNames: namesIn(condition), ExpressionAttributeValues: values,
	}}}, noted...)...)
	return err == nil && reasons == nil, err
}

// levelShard spreads the levels that are up over partitions of the index.
func levelShard(of seat.Pool) int {
	pk, sk := levelKeys(of)
	sum := fnv.New32a()
	sum.Write([]byte(pk + "#" + sk))
	return int(sum.Sum32() % crossing.Shards)
}

// RaisedPools implements crossing.Levels by queries of the agenda's index.
func (s *Store) RaisedPools(ctx context.Context, shard int) ([]seat.Pool, error) {
	var pools []seat.Pool
	in := &dynamodb.QueryInput{
		TableName: s.live, IndexName: aws.String(indexBusy), KeyConditionExpression: aws.String("#busy = :shard"),
		ExpressionAttributeNames: map[string]string{"#busy": attrBusy}, ExpressionAttributeValues: item{":shard": text(raisedKey(shard))},
	}
	for {
		out, err := s.query(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, i := range out.Items {
			r := reader{item: i}
			pool, err := poolOfLevel(r.text(attrPK), r.text(attrSK))
			if err != nil {
				return nil, err
			}
			pools = append(pools, pool)
		}
		if out.LastEvaluatedKey == nil {
			return pools, nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}
