package dynamo_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/dynamo/memtable"
)

// render writes a value, an item, or whatever has some in it, the same for the
// same contents.
func render(v any) string {
	switch v := v.(type) {
	case nil:
		return "-"
	case *types.AttributeValueMemberS:
		return fmt.Sprintf("%q", short(v.Value))
	case *types.AttributeValueMemberN:
		return v.Value
	case *types.AttributeValueMemberB:
		return fmt.Sprintf("bytes %x", short(string(v.Value)))
	case *types.AttributeValueMemberBOOL:
		return fmt.Sprint(v.Value)
	case *types.AttributeValueMemberM:
		return render(v.Value)
	case memtable.Item:
		if v == nil {
			return "none"
		}
		var list []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			list = append(list, name+": "+render(v[name]))
		}
		return "{" + strings.Join(list, ", ") + "}"
	case string:
		return v
	}
	of := reflect.ValueOf(v)
	var list []string
	switch of.Kind() {
	case reflect.Pointer:
		if of.IsNil() {
			return "-"
		}
		return render(of.Elem().Interface())
	case reflect.Slice:
		for n := range of.Len() {
			list = append(list, render(of.Index(n).Interface()))
		}
	case reflect.Map:
		for _, k := range of.MapKeys() {
			list = append(list, fmt.Sprintf("%v: %s", k.Interface(), render(of.MapIndex(k).Interface())))
		}
		slices.Sort(list)
	case reflect.Struct:
		for n := range of.NumField() {
			if f := of.Type().Field(n); f.IsExported() && !of.Field(n).IsZero() {
				list = append(list, f.Name+": "+render(of.Field(n).Interface()))
			}
		}
	default:
		return fmt.Sprint(v)
	}
	return "\n  " + strings.ReplaceAll(strings.Join(list, "\n"), "\n", "\n  ")
}

// short is a text's beginning, and how much more there is of it, with a sum of
// that.
func short(s string) string {
	const shown = 300
	if len(s) <= shown {
		return s
	}
	sum := 0
	for _, c := range []byte(s[shown:]) {
		sum = sum*31 + int(c)
	}
	return fmt.Sprintf("%s... and %d more (%x)", s[:shown], len(s)-shown, uint32(sum))
}
