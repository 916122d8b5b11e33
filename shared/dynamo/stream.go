package dynamo

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/conference"
	"seatmeter/shared/crossing"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

// RefusalOf decodes a record of the ledger's stream, as Lambda delivers it,
// into what is told of the pool that was full when it refused a join, or let it wait. False: the
// record is of neither. It decodes the raw record because events.DynamoDBEventRecord
// panics on some malformed ones.
func RefusalOf(record json.RawMessage) (crossing.Refusal, bool, error) {
	var read struct {
		Change struct {
			Keys     attributes `json:"Keys"`
			NewImage attributes `json:"NewImage"`
		} `json:"dynamodb"`
	}
	var none crossing.Refusal
	if err := json.Unmarshal(record, &read); err != nil {
		return none, false, fmt.Errorf("stream record: %w", err)
	}
	keys := reader{item: read.Change.Keys.item()}
	pk, sk := keys.text(attrPK), keys.text(attrSK)
	image := read.Change.NewImage.item()
	switch {
	case keys.err != nil || sk == "":
		return none, false, errors.New("stream record without its keys")
	case strings.HasPrefix(sk, prefixQueue):
		return waitBegun(tenantOf(pk), sk, image)
	case !strings.HasPrefix(sk, prefixRefusal):
		return none, false, nil
	}
	refusal, err := readRefusal(tenantOf(pk), image)
	if err != nil {
		return none, false, fmt.Errorf("stream record of a refusal: %w", err)
	}
	pool, full := refusal.Pool()
	if refusal.Code == "" || !tenant.IsID(string(refusal.Tenant)) || full && refusal.Number <= 0 {
		return none, false, errors.New("stream record of a refusal without code, tenant or conference")
	}
	return crossing.Refusal{Pool: pool, Conference: refusal.Conference, AtMillis: refusal.AtMillis}, full, nil
}

// waitBegun decodes the note that a wait began, whose key says when.
func waitBegun(t tenant.ID, sk string, image item) (crossing.Refusal, bool, error) {
	r := reader{item: image}
	since, _, _ := strings.Cut(strings.TrimPrefix(sk, prefixQueue), "#")
	at, err := strconv.ParseInt(since, 10, 64)
	pool := seat.Pool{Tenant: t, Number: conference.Number(r.number(attrPool))}
	if errors.Join(r.err, err) != nil || !tenant.IsID(string(t)) || pool.Number < 0 {
		return crossing.Refusal{}, false, errors.New("stream record of a wait without its tenant or time")
	}
	return crossing.Refusal{Pool: pool, Conference: conference.ID(r.text(attrConference)), AtMillis: at}, true, nil
}

// attributes are the text and number attributes of a stream record; others are
// empty.
type attributes map[string]struct {
	S *string `json:"S"`
	N *string `json:"N"`
}

func (a attributes) item() item {
	i := make(item, len(a))
	for name, value := range a {
		switch {
		case value.S != nil:
			i[name] = &types.AttributeValueMemberS{Value: *value.S}
		case value.N != nil:
			i[name] = &types.AttributeValueMemberN{Value: *value.N}
		default:
			i[name] = nil // an error for a reader of the attribute
		}
	}
	return i
}
