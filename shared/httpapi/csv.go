package httpapi

import (
	"encoding/csv"
	"fmt"
	"io"
	"reflect"
	"strings"

	"seatmeter/shared/usage"
)

// writeCSV writes views as RFC 4180. Each member that is a text, a number or a
// boolean is a column with its JSON name, and is empty where it is null. A text that
// a spreadsheet would run as a formula gets an apostrophe in front.
func writeCSV[T any](w io.Writer, views []T) error {
	columns := columnsOf(reflect.TypeFor[T](), nil)
	out := csv.NewWriter(w)
	out.UseCRLF = true
	record := make([]string, len(columns))
	for i, c := range columns {
		record[i] = c.name
	}
	err := out.Write(record)
	for n := 0; n < len(views) && err == nil; n++ {
		value := reflect.ValueOf(views[n])
		for i, c := range columns {
			record[i] = cellOf(value.FieldByIndex(c.index))
		}
		err = out.Write(record)
	}
	out.Flush()
	if err == nil {
		err = out.Error()
	}
	if err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	return nil
}

// column is a member of a view and its index.
type column struct {
	name  string
	index []int
}

func columnsOf(view reflect.Type, at []int) []column {
	var columns []column
	for i := range view.NumField() {
		field := view.Field(i)
		index := append(append([]int{}, at...), i)
		kind := field.Type.Kind()
		if kind == reflect.Pointer {
			kind = field.Type.Elem().Kind()
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch kind {
		case reflect.Struct:
			columns = append(columns, columnsOf(field.Type, index)...)
		case reflect.String, reflect.Int, reflect.Int64, reflect.Bool:
			columns = append(columns, column{name, index})
		}
	}
	return columns
}

func cellOf(value reflect.Value) string {
	if value.Kind() == reflect.Pointer {
		if value.IsNil() {
			return ""
		}
		value = value.Elem()
	}
	if value.Kind() == reflect.String {
		return usage.Inert(value.String())
	}
	return fmt.Sprint(value.Interface())
}
