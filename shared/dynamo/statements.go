package dynamo

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/signal"
	"seatmeter/shared/statement"
	"seatmeter/shared/tenant"
)

// AddStatement implements statement.Statements by one transaction of the statement and
// what is to be told of it. The document is compressed: an item has at most 400 KB, and the plain text of a
// month with a thousand license changes is larger.
func (s *Store) AddStatement(ctx context.Context, sealed statement.Sealed) (bool, error) {
	var packed bytes.Buffer
	out := gzip.NewWriter(&packed)
	if _, err := out.Write(sealed.Document); err != nil {
		return false, fmt.Errorf("pack a statement: %w", err)
	}
	if err := out.Close(); err != nil {
		return false, fmt.Errorf("pack a statement: %w", err)
	}
	i := key(string(sealed.Tenant), statementKey(sealed.Name())).
		setText(attrPeriod, sealed.Period).setNumber(attrRevision, int64(sealed.Revision)).
		setTime(attrClosedAt, sealed.ClosedAt).setText(attrHash, sealed.SHA256)
	i[attrDocument] = &types.AttributeValueMemberB{Value: packed.Bytes()}
	event := signal.New(fmt.Sprintf("statement_%s_%s_%d", sealed.Tenant, sealed.Period, sealed.Revision), sealed.Tenant, signal.StatementClosed,
		sealed.ClosedAt.UnixMilli(), closedData{sealed.Period, sealed.Revision, sealed.SHA256, signal.FormatTime(sealed.ClosedAt.UnixMilli())})
	noted, err := s.noted([]signal.Note{{Event: event, DueMillis: event.AtMillis}})
	if err != nil {
		return false, err
	}
	reasons, err := s.transact(ctx, append([]types.TransactWriteItem{{Put: &types.Put{
		TableName: s.ledger, Item: i, ConditionExpression: aws.String(absent), ExpressionAttributeNames: namesIn(absent),
	}}}, noted...)...)
	return err == nil && reasons == nil, err
}

// closedData is the data of the event that a statement was closed.
type closedData struct {
	Period   string `json:"period"`
	Revision int    `json:"revision"`
	SHA256   string `json:"sha256"`
	ClosedAt string `json:"closed_at"`
}

// Statement implements statement.Statements.
func (s *Store) Statement(ctx context.Context, t tenant.ID, period string, revision int) (*statement.Sealed, error) {
	in := s.ofTenant(t, "#sk = :key", item{":key": text(statementKey(statement.Name{Period: period, Revision: revision}))})
	if revision == 0 {
		in = s.ofTenant(t, "begins_with(#sk, :key)", item{":key": text(prefixStatement + period + "#")})
		in.ScanIndexForward, in.Limit = aws.Bool(false), aws.Int32(1)
	}
	out, err := s.query(ctx, in)
	if err != nil || len(out.Items) == 0 {
		return nil, err
	}
	sealed, err := readStatement(t, out.Items[0])
	if err != nil {
		return nil, err
	}
	sealed.Document, err = unpack(out.Items[0])
	return &sealed, err
}

// Statements implements statement.Statements. It does not read the documents.
func (s *Store) Statements(ctx context.Context, t tenant.ID, after statement.Name, limit int) ([]statement.Sealed, error) {
	in := s.ofTenant(t, "#sk BETWEEN :after AND :end", item{
		":after": text(statementKey(after)), ":end": text(prefixStatement + endOfText),
	})
	if after == (statement.Name{}) {
		in.ExpressionAttributeValues[":after"] = text(prefixStatement)
	}
	in.ProjectionExpression = aws.String("#sk, #period, #rev, #closed_at, #sha")
	for alias, name := range namesIn(*in.ProjectionExpression) {
		in.ExpressionAttributeNames[alias] = name
	}
	var list []statement.Sealed
	for i, err := range s.pages(ctx, in) {
		if err != nil {
			return nil, err
		}
		sealed, err := readStatement(t, i)
		if err != nil {
			return nil, err
		}
		if sealed.Name() != after {
			list = append(list, sealed)
		}
		if len(list) == limit {
			break
		}
	}
	return list, nil
}

// ofTenant is a query of a tenant's records in the ledger.
func (s *Store) ofTenant(t tenant.ID, which string, values item) *dynamodb.QueryInput {
	values[":tenant"] = text(string(t))
	return &dynamodb.QueryInput{
		TableName: s.ledger, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("#pk = :tenant AND " + which),
		ExpressionAttributeNames:  map[string]string{"#pk": attrPK, "#sk": attrSK},
		ExpressionAttributeValues: values,
	}
}

func readStatement(t tenant.ID, i item) (statement.Sealed, error) {
	r := reader{item: i}
	sealed := statement.Sealed{
		Tenant: t, Period: r.text(attrPeriod), Revision: r.int(attrRevision), ClosedAt: r.time(attrClosedAt), SHA256: r.text(attrHash),
	}
	if r.err != nil {
		return sealed, fmt.Errorf("statement of %s: %w", t, r.err)
	}
	return sealed, nil
}

func unpack(i item) ([]byte, error) {
	packed, ok := i[attrDocument].(*types.AttributeValueMemberB)
	if !ok {
		return nil, fmt.Errorf("a statement without a document")
	}
	in, err := gzip.NewReader(bytes.NewReader(packed.Value))
	if err != nil {
		return nil, fmt.Errorf("unpack a statement: %w", err)
	}
	document, err := io.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("unpack a statement: %w", err)
	}
	return document, nil
}
