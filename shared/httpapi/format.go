package httpapi

import (
	"errors"
	"fmt"
	"io"

	"seatmeter/shared/export"
	"seatmeter/shared/problem"
	"seatmeter/shared/table"
)

// format is the format of an answer.
type format struct{ name, media, extension, contentType string }

var (
	formatJSON    = format{"json", "application/json", ".json", "application/json"}
	formatCSV     = format{"csv", "text/csv", ".csv", "text/csv; charset=utf-8"}
	formatNDJSON  = format{"ndjson", "application/x-ndjson", ".ndjson", "application/x-ndjson"}
	formatXLSX    = binaryFormat("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
	formatParquet = binaryFormat("parquet", "application/vnd.apache.parquet")
)

func binaryFormat(name, media string) format { return format{name, media, "." + name, media} }

// TableWriter writes a table in one format. See package table.
type TableWriter func(io.Writer, table.Table) error

// Files makes answers that are files.
type Files struct {
	// Exports keeps the large ones. Nil where there are none.
	Exports *export.Exports
	// XLSX and Parquet have large libraries, which only functions that need them link.
	XLSX, Parquet TableWriter
}

// write writes a table in a format. The error is a problem if the table is too long for
// the format.
func (files Files) write(f format, w io.Writer, t table.Table) error {
	write := table.WriteCSV
	switch f {
	case formatXLSX:
		write = files.XLSX
	case formatParquet:
		write = files.Parquet
	}
	err := write(w, t)
	if errors.Is(err, table.ErrTooLong) {
		return problem.InvalidFields(problem.Field{
			Pointer: "#/format", Detail: fmt.Sprintf("%s has no room for so many rows: choose a shorter range, or another format", f.name),
		})
	}
	return err
}
