// Package tables creates the tables of template.yaml on a DynamoDB of this machine,
// so that tests and the local stack use the deployed schema.
package tables

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"seatmeter/infra/local/template"
	"seatmeter/shared/dynamo"
)

// The logical ids of the template's tables.
const (
	Live   = "LiveTable"
	Ledger = "LedgerTable"
	Usage  = "UsageTable"
)

// Tables creates and deletes the template's tables. A table's name is the prefix and
// its logical id.
type Tables struct {
	api    *dynamodb.Client
	prefix string
	list   []template.Table
}

// New returns the tables of a template.
func New(api *dynamodb.Client, prefix string, list []template.Table) Tables {
	return Tables{api, prefix, list}
}

// Name returns a table's name.
func (t Tables) Name(id template.LogicalID) string { return t.prefix + "-" + string(id) }

// Names returns the table names for a store.
func (t Tables) Names() dynamo.Tables {
	return dynamo.Tables{Live: t.Name(Live), Ledger: t.Name(Ledger), Usage: t.Name(Usage)}
}

// StreamARN returns the ARN of a table's stream.
func (t Tables) StreamARN(ctx context.Context, id template.LogicalID) (string, error) {
	found, err := t.api.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String(t.Name(id))})
	if err != nil {
		return "", fmt.Errorf("find the stream of %s: %w", t.Name(id), err)
	}
	if streamView(found.Table.StreamSpecification) == template.StreamViewNone {
		return "", fmt.Errorf("table %s has no stream", t.Name(id))
	}
	return aws.ToString(found.Table.LatestStreamArn), nil
}

// Create creates missing tables. Safe to repeat.
func (t Tables) Create(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, table := range t.list {
		group.Go(func() error {
			if err := t.createOne(ctx, table); err != nil {
				return fmt.Errorf("create table %s: %w", t.Name(table.ID), err)
			}
			return nil
		})
	}
	return group.Wait()
}

func (t Tables) createOne(ctx context.Context, table template.Table) error {
	name := aws.String(t.Name(table.ID))
	_, err := t.api.CreateTable(ctx, definition(*name, table))
	if _, exists := errors.AsType[*types.ResourceInUseException](err); err != nil && !exists {
		return err
	}
	found, err := t.api.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: name})
	if err != nil {
		return err
	}
	if !matches(found.Table, table) {
		return errors.New("it is there with other keys or indexes than the template's; use another data directory, or delete this one")
	}
	if err := t.stream(ctx, found.Table, table.StreamView); err != nil {
		return err
	}
	return t.expire(ctx, name, table.TTLAttribute)
}

// stream turns on the stream of an existing table. DynamoDB changes a stream's view
// only by turning the stream off first.
func (t Tables) stream(ctx context.Context, found *types.TableDescription, view template.StreamView) error {
	has := streamView(found.StreamSpecification)
	if has == view || view == template.StreamViewNone {
		return nil
	}
	if has != template.StreamViewNone {
		_, err := t.api.UpdateTable(ctx, &dynamodb.UpdateTableInput{
			TableName: found.TableName, StreamSpecification: &types.StreamSpecification{StreamEnabled: aws.Bool(false)},
		})
		if err != nil {
			return fmt.Errorf("turn its stream off: %w", err)
		}
	}
	_, err := t.api.UpdateTable(ctx, &dynamodb.UpdateTableInput{
		TableName: found.TableName, StreamSpecification: streamSpecification(view),
	})
	if err != nil {
		return fmt.Errorf("turn its stream on: %w", err)
	}
	return nil
}

func streamView(found *types.StreamSpecification) template.StreamView {
	if found == nil || !aws.ToBool(found.StreamEnabled) {
		return template.StreamViewNone
	}
	return template.StreamView(found.StreamViewType)
}

func streamSpecification(view template.StreamView) *types.StreamSpecification {
	if view == template.StreamViewNone {
		return nil
	}
	return &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewType(view)}
}

// expire turns on a table's TTL. It checks first, since DynamoDB refuses to turn on
// what is on.
func (t Tables) expire(ctx context.Context, name *string, attribute string) error {
	if attribute == "" {
		return nil
	}
	ttl, err := t.api.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: name})
	if err != nil {
		return fmt.Errorf("read its time to live: %w", err)
	}
	if ttl.TimeToLiveDescription.TimeToLiveStatus == types.TimeToLiveStatusEnabled {
		return nil
	}
	_, err = t.api.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName:               name,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: &attribute, Enabled: aws.Bool(true)},
	})
	if err != nil {
		return fmt.Errorf("set its time to live: %w", err)
	}
	return nil
}

// Drop deletes the tables.
func (t Tables) Drop(ctx context.Context) error {
	var failed []error
	for _, table := range t.list {
		if _, err := t.api.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: aws.String(t.Name(table.ID))}); err != nil {
			failed = append(failed, fmt.Errorf("drop table %s: %w", t.Name(table.ID), err))
		}
	}
	return errors.Join(failed...)
}

func definition(name string, table template.Table) *dynamodb.CreateTableInput {
	input := &dynamodb.CreateTableInput{
		TableName: &name,
		KeySchema: keySchema(table.Key),
		// DynamoDB Local has no provisioned throughput, so this holds for both
		// billing modes.
		BillingMode:         types.BillingModePayPerRequest,
		StreamSpecification: streamSpecification(table.StreamView),
	}
	for _, a := range table.Attributes {
		input.AttributeDefinitions = append(input.AttributeDefinitions, types.AttributeDefinition{
			AttributeName: aws.String(a.Name), AttributeType: types.ScalarAttributeType(a.Type),
		})
	}
	for _, i := range table.Indexes {
		input.GlobalSecondaryIndexes = append(input.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{
			IndexName: aws.String(i.Name),
			KeySchema: keySchema(i.Key),
			Projection: &types.Projection{
				ProjectionType: types.ProjectionType(i.Projection), NonKeyAttributes: i.Included,
			},
		})
	}
	return input
}

func keySchema(parts []template.KeyPart) []types.KeySchemaElement {
	schema := make([]types.KeySchemaElement, len(parts))
	for i, p := range parts {
		schema[i] = types.KeySchemaElement{AttributeName: aws.String(p.Attribute), KeyType: types.KeyType(p.Type)}
	}
	return schema
}

// matches reports whether an existing table is the template's.
func matches(found *types.TableDescription, table template.Table) bool {
	if !sameKey(found.KeySchema, table.Key) || len(found.GlobalSecondaryIndexes) != len(table.Indexes) {
		return false
	}
	indexes := make(map[string][]types.KeySchemaElement, len(found.GlobalSecondaryIndexes))
	for _, i := range found.GlobalSecondaryIndexes {
		indexes[aws.ToString(i.IndexName)] = i.KeySchema
	}
	for _, i := range table.Indexes {
		if !sameKey(indexes[i.Name], i.Key) {
			return false
		}
	}
	return true
}

func sameKey(found []types.KeySchemaElement, key []template.KeyPart) bool {
	if len(found) != len(key) {
		return false
	}
	for i, part := range key {
		if aws.ToString(found[i].AttributeName) != part.Attribute || string(found[i].KeyType) != string(part.Type) {
			return false
		}
	}
	return true
}
