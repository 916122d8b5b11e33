package dynamo

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/conference"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

// RefusedPool decodes a record of the ledger's stream, as Lambda delivers it,
// into the pool that was full when it refused a join, or let it wait. False: the
// record is of neither. It decodes the raw record because events.DynamoDBEventRecord
// panics on some malformed ones.
func RefusedPool(record json.RawMessage) (seat.Pool, bool, error) {
	var read struct {
		Change struct {
			Keys     attributes `json:"Keys"`
			NewImage attributes `json:"NewImage"`
		} `json:"dynamodb"`
	}
	if err := json.Unmarshal(record, &read); err != nil {
		return seat.Pool{}, false, fmt.Errorf("stream record: %w", err)
	}
	keys := reader{item: read.Change.Keys.item()}
	pk, sk := keys.text(attrPK), keys.text(attrSK)
	if keys.err != nil || sk == "" {
		return seat.Pool{}, false, errors.New("stream record without its keys")
	}
	if strings.HasPrefix(sk, prefixQueue) {
		image := reader{item: read.Change.NewImage.item()}
		pool := seat.Pool{Tenant: tenantOf(pk), Number: conference.Number(image.number(attrPool))}
		if image.err != nil || !tenant.IsID(string(pool.Tenant)) || pool.Number < 0 {
			return seat.Pool{}, false, errors.New("stream record of a wait without its tenant")
		}
		return pool, true, nil
	}
	if !strings.HasPrefix(sk, prefixRefusal) {
		return seat.Pool{}, false, nil
	}
	refusal, err := readRefusal(tenantOf(pk), read.Change.NewImage.item())
	if err != nil {
		return seat.Pool{}, false, fmt.Errorf("stream record of a refusal: %w", err)
	}
	pool, full := refusal.Pool()
	if refusal.Code == "" || !tenant.IsID(string(refusal.Tenant)) || full && refusal.Number <= 0 {
		return seat.Pool{}, false, errors.New("stream record of a refusal without code, tenant or conference")
	}
	return pool, full, nil
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
