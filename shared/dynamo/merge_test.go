package dynamo

import (
	"errors"
	"iter"
	"strings"
	"testing"
)

// keyed gives items of these keys; "!" is an error. It counts those that have
// begun and not ended.
func keyed(keys string, running *int) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		*running++
		defer func() { *running-- }()
		for _, k := range strings.Fields(keys) {
			if k == "!" {
				yield(nil, errors.New("it cannot be read"))
				return
			}
			if !yield(item{attrSK: text(k)}, nil) {
				return
			}
		}
	}
}

func TestMergedPartsAreInOrderWithoutDuplicates(t *testing.T) {
	for _, test := range []struct {
		parts []string
		take  int
		want  string
	}{
		{[]string{"", ""}, 9, ""},
		{[]string{"a c e", "b d f"}, 9, "a b c d e f"},
		{[]string{"a b", "b c", "a c"}, 9, "a b c"},
		{[]string{"", "a b", "c"}, 2, "a b"},
		{[]string{"a b", "!"}, 9, "!"},
		{[]string{"a d", "b ! c"}, 9, "a b !"},
	} {
		running := make([]int, len(test.parts))
		parts := make([]iter.Seq2[item, error], len(test.parts))
		for n, keys := range test.parts {
			parts[n] = keyed(keys, &running[n])
		}
		for range 2 { // it can be asked again
			var got []string
			for i, err := range merge(parts) {
				r := reader{item: i}
				if key := r.text(attrSK); err == nil {
					got = append(got, key)
				} else {
					got = append(got, "!")
				}
				if len(got) == test.take {
					break
				}
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("%q: %q, want %q", test.parts, got, test.want)
			}
			for n := range running {
				if running[n] != 0 {
					t.Errorf("%q: part %d still runs", test.parts, n)
				}
			}
		}
	}
}
