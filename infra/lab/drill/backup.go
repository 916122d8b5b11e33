package drill

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"seatmeter/infra/local/tables"
	"seatmeter/infra/local/template"
)

// restore copies the tables with one prefix to new ones with another. As on AWS, what
// it restores comes out of no stream: the new tables have none yet.
func restore(ctx context.Context, api *dynamodb.Client, list []template.Table, from, to string) (items int, err error) {
	list = slices.Clone(list)
	for i := range list {
		list[i].StreamView = template.StreamViewNone
	}
	old, restored := tables.New(api, from, list), tables.New(api, to, list)
	if err := restored.Create(ctx); err != nil {
		return 0, err
	}
	for _, table := range list {
		n, err := copyItems(ctx, api, old.Name(table.ID), restored.Name(table.ID))
		if items += n; err != nil {
			return items, fmt.Errorf("copy %s: %w", old.Name(table.ID), err)
		}
	}
	return items, nil
}

// copyItems writes as many items at once as a batch may have.
func copyItems(ctx context.Context, api *dynamodb.Client, from, to string) (items int, err error) {
	const batch, atOnce = 25, 4
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	pages := dynamodb.NewScanPaginator(api, &dynamodb.ScanInput{TableName: &from})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return items, err
		}
		items += len(page.Items)
		for some := range slices.Chunk(page.Items, batch) {
			writes := make([]types.WriteRequest, 0, batch)
			for _, item := range some {
				writes = append(writes, types.WriteRequest{PutRequest: &types.PutRequest{Item: item}})
			}
			group.Go(func() error {
				out, err := api.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{to: writes}})
				if err == nil && len(out.UnprocessedItems) > 0 {
					err = fmt.Errorf("%d items were not taken", len(out.UnprocessedItems[to]))
				}
				return err
			})
		}
	}
	return items, group.Wait()
}
