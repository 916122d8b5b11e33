package xlsx

import (
	"fmt"
	"slices"

	"github.com/xuri/excelize/v2"

	"seatmeter/shared/table"
)

// addChart adds a sheet with a chart of the table's lines.
func addChart(book *excelize.File, t table.Table, rows int) error {
	const name, widthPixels, heightPixels = "chart", 1200, 600
	along, err := cells(t, t.Along, rows)
	if err != nil {
		return err
	}
	chart := excelize.Chart{
		Type: excelize.Line, Dimension: excelize.ChartDimension{Width: widthPixels, Height: heightPixels},
		Legend: excelize.ChartLegend{Position: "bottom"}, ShowBlanksAs: "gap",
	}
	for _, line := range t.Lines {
		values, err := cells(t, line, rows)
		if err != nil {
			return err
		}
		chart.Series = append(chart.Series, excelize.ChartSeries{
			Name: values.header, Categories: along.values, Values: values.values, Marker: excelize.ChartMarker{Symbol: "none"},
		})
	}
	if _, err := book.NewSheet(name); err != nil {
		return fmt.Errorf("add the chart's sheet: %w", err)
	}
	if err := book.AddChart(name, "A1", &chart); err != nil {
		return fmt.Errorf("add the chart: %w", err)
	}
	return nil
}

// columnCells are the addresses of a column's header and of its values.
type columnCells struct{ header, values string }

func cells(t table.Table, name string, rows int) (columnCells, error) {
	number := 1 + slices.IndexFunc(t.Headings, func(h table.Heading) bool { return h.Name == name })
	column, err := excelize.ColumnNumberToName(number)
	if err != nil {
		return columnCells{}, fmt.Errorf("draw the column %q: %w", name, err)
	}
	sheet := "'" + t.Name + "'!$" + column + "$"
	return columnCells{header: sheet + "1", values: fmt.Sprintf("%s2:$%s$%d", sheet, column, rows+1)}, nil
}
