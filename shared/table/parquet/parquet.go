// Package parquet writes tables as Parquet files.
package parquet

import (
	"fmt"
	"io"

	format "github.com/parquet-go/parquet-go"

	"seatmeter/shared/table"
)

// groupRows is the number of rows of a row group, of which one is in memory.
const groupRows = 20_000

// Write writes a table, but for its total, whose columns are all optional. Times are
// TIMESTAMP in milliseconds of UTC, decimals DECIMAL with four places. The error is the
// rows' own, or the writer's. After one, the output is incomplete.
func Write(w io.Writer, t table.Table) error {
	schema := format.NewSchema(t.Name, columnsOf(t.Headings))
	out := format.NewWriter(w, schema, format.Compression(&format.Snappy), format.MaxRowsPerRowGroup(groupRows),
		format.CreatedBy("Seatmeter", "1", ""))
	row := make(format.Row, len(t.Headings))
	for cells, err := range t.Rows {
		if err != nil {
			return err
		}
		for i, cell := range cells {
			row[i] = value(cell).Level(0, min(1, int(cell.Kind)), i)
		}
		if _, err := out.WriteRows([]format.Row{row}); err != nil {
			return fmt.Errorf("write parquet: %w", err)
		}
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("write parquet: %w", err)
	}
	return nil
}

// columns are a table's columns in their own order. The library's group sorts them.
type columns struct {
	format.Group
	fields []format.Field
}

func columnsOf(headings []table.Heading) columns {
	c := columns{Group: make(format.Group, len(headings))}
	for _, heading := range headings {
		c.Group[heading.Name] = format.Compressed(format.Optional(node(heading.Kind)), &format.Snappy)
	}
	byName := make(map[string]format.Field, len(headings))
	for _, field := range c.Group.Fields() {
		byName[field.Name()] = field
	}
	for _, heading := range headings {
		c.fields = append(c.fields, byName[heading.Name])
	}
	return c
}

// Fields implements format.Node.
func (c columns) Fields() []format.Field { return c.fields }

func node(kind table.Kind) format.Node {
	const places, digits = 4, 18
	switch kind {
	case table.KindNumber:
		return format.Leaf(format.Int64Type)
	case table.KindDecimal:
		return format.Decimal(places, digits, format.Int64Type)
	case table.KindTime:
		return format.Timestamp(format.Millisecond)
	case table.KindFlag:
		return format.Leaf(format.BooleanType)
	case table.KindEmpty, table.KindText, table.KindID:
	}
	return format.Encoded(format.String(), &format.RLEDictionary)
}

func value(cell table.Cell) format.Value {
	switch cell.Kind {
	case table.KindEmpty:
		return format.NullValue()
	case table.KindNumber, table.KindDecimal, table.KindTime:
		return format.Int64Value(cell.Number)
	case table.KindFlag:
		return format.BooleanValue(cell.Number == 1)
	case table.KindText, table.KindID:
	}
	return format.ByteArrayValue([]byte(cell.Text))
}
