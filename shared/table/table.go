// Package table describes tables of typed cells, and writes them as CSV. The packages
// below it write them as spreadsheets and as Parquet files. Their libraries are large,
// so only the functions that answer with such files import them.
//
// Terms: a cell is empty, or has a value of one kind. Times are Unix milliseconds.
package table

import (
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"
)

// Kind is the kind of a value.
type Kind int

// The kinds.
const (
	// KindEmpty is the kind of an empty cell.
	KindEmpty Kind = iota
	// KindText is a text that somebody chose freely. It may look like a formula.
	KindText
	// KindID is an id, or a word of the API. Only a minus sign in front can make it
	// a formula.
	KindID
	KindNumber
	// KindDecimal is a decimal number with four places.
	KindDecimal
	KindTime
	KindFlag
)

// Cell is a value. The zero Cell is empty.
type Cell struct {
	Kind Kind
	Text string
	// Number is the value of a number, the ten-thousandths of a decimal, the
	// milliseconds of a time, and 1 for a true flag.
	Number int64
}

// String returns the value as the API writes it in text.
func (c Cell) String() string {
	switch c.Kind {
	case KindEmpty:
	case KindText, KindID:
		return c.Text
	case KindNumber:
		return strconv.FormatInt(c.Number, 10)
	case KindDecimal:
		return fmt.Sprintf("%d.%04d", c.Number/tenThousand, c.Number%tenThousand)
	case KindTime:
		return FormatTime(c.Number)
	case KindFlag:
		return strconv.FormatBool(c.Number == 1)
	}
	return ""
}

const tenThousand = 10_000

// Decimal returns the value of a KindDecimal as a float.
func (c Cell) Decimal() float64 { return float64(c.Number) / tenThousand }

// TimeLayout is the format of times: UTC with milliseconds.
const TimeLayout = "2006-01-02T15:04:05.000Z"

// FormatTime formats a time.
func FormatTime(millis int64) string { return time.UnixMilli(millis).UTC().Format(TimeLayout) }

// Heading is a column's name and the kind of its cells.
type Heading struct {
	Name string
	Kind Kind
}

// Table is rows of cells. Its rows can be read once.
type Table struct {
	Name     string
	Headings []Heading
	// Rows yields the cells of each row. They are valid until the next row. An error
	// ends the rows.
	Rows iter.Seq2[[]Cell, error]
	// Total returns the cells of a row below the others, of any kinds. It is called
	// after the last row. Nil if there is none. Only spreadsheets have this row.
	Total func() ([]Cell, error)
	// Lines are the names of columns that a spreadsheet draws over the column Along.
	Lines []string
	Along string
}

// ErrTooLong says that a format has no room for so many rows.
var ErrTooLong = errors.New("the table has more rows than the format takes")

// Columns are the columns of a table whose rows are made of values of type R.
type Columns[R any] []Column[R]

// Column is a heading and its cell in each row.
type Column[R any] struct {
	Heading
	Cell func(R) Cell
}

// Names are the names of the columns.
func (c Columns[R]) Names() []string {
	names := make([]string, len(c))
	for i, column := range c {
		names[i] = column.Name
	}
	return names
}

// Row returns the cells of a value.
func (c Columns[R]) Row(value R) []Cell { return c.row(nil, value) }

func (c Columns[R]) row(cells []Cell, value R) []Cell {
	for _, column := range c {
		cells = append(cells, column.Cell(value))
	}
	return cells
}

// Table returns a table with a row for each value.
func (c Columns[R]) Table(name string, values iter.Seq2[R, error]) Table {
	t := Table{Name: name, Headings: make([]Heading, len(c))}
	for i, column := range c {
		t.Headings[i] = column.Heading
	}
	t.Rows = func(yield func([]Cell, error) bool) {
		cells := make([]Cell, 0, len(c))
		for value, err := range values {
			if err != nil {
				yield(nil, err)
				return
			}
			if cells = c.row(cells[:0], value); !yield(cells, nil) {
				return
			}
		}
	}
	return t
}

// ID is a column of ids. An empty one is an empty cell.
func ID[R any, S ~string](name string, of func(R) S) Column[R] { return textual(name, KindID, of) }

// Text is a column of texts that somebody chose freely. An empty one is an empty cell.
func Text[R any, S ~string](name string, of func(R) S) Column[R] {
	return textual(name, KindText, of)
}

func textual[R any, S ~string](name string, kind Kind, of func(R) S) Column[R] {
	return Column[R]{Heading{name, kind}, func(value R) Cell {
		if text := of(value); text != "" {
			return Cell{Kind: kind, Text: string(text)}
		}
		return Cell{}
	}}
}

// Number is a column of numbers.
func Number[R any, N ~int | ~int64](name string, of func(R) N) Column[R] {
	return numeric(name, KindNumber, func(value R) (int64, bool) { return int64(of(value)), true })
}

// Optional is a column of numbers, empty where of returns false.
func Optional[R any, N ~int | ~int64](name string, of func(R) (N, bool)) Column[R] {
	return numeric(name, KindNumber, func(value R) (int64, bool) {
		number, filled := of(value)
		return int64(number), filled
	})
}

// Decimal is a column of decimal numbers, given in ten-thousandths.
func Decimal[R any](name string, of func(R) int64) Column[R] {
	return numeric(name, KindDecimal, func(value R) (int64, bool) { return of(value), true })
}

// Time is a column of times.
func Time[R any](name string, of func(R) int64) Column[R] {
	return numeric(name, KindTime, func(value R) (int64, bool) { return of(value), true })
}

// OptionalTime is a column of times. Zero is an empty cell.
func OptionalTime[R any](name string, of func(R) int64) Column[R] {
	return numeric(name, KindTime, func(value R) (int64, bool) {
		millis := of(value)
		return millis, millis != 0
	})
}

// Flag is a column of flags, empty where of returns false for filled.
func Flag[R any](name string, of func(R) (flag, filled bool)) Column[R] {
	return numeric(name, KindFlag, func(value R) (int64, bool) {
		flag, filled := of(value)
		if flag {
			return 1, filled
		}
		return 0, filled
	})
}

func numeric[R any](name string, kind Kind, of func(R) (int64, bool)) Column[R] {
	return Column[R]{Heading{name, kind}, func(value R) Cell {
		if number, filled := of(value); filled {
			return Cell{Kind: kind, Number: number}
		}
		return Cell{}
	}}
}
