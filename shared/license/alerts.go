package license

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"seatmeter/shared/problem"
)

// Bounds of a license's alert percentages. Above 100 lies the burst of a license with
// overage.
const (
	MaxAlertPercent  = 200
	MaxAlertPercents = 10
)

// DefaultAlertPercents are those of a license that names none.
const DefaultAlertPercents Percents = "80 90 100"

// Percents are the percentages of a pool's limit whose crossing is told of, in
// order, separated by spaces. It is a string so that licenses can be compared. The empty
// string is an empty list: no crossing is told of.
type Percents string

// NewPercents reads a list of percentages, in any order. Nil is the default. The error
// names each element that is none.
func NewPercents(list []int) (Percents, error) {
	if list == nil {
		return DefaultAlertPercents, nil
	}
	if len(list) > MaxAlertPercents {
		return "", problem.InvalidFields(problem.Field{Pointer: "#/alert_percents", Detail: fmt.Sprintf("must have at most %d percentages", MaxAlertPercents)})
	}
	var faults []problem.Field
	for n, percent := range list {
		if percent < 1 || percent > MaxAlertPercent {
			faults = append(faults, problem.Field{
				Pointer: "#/alert_percents/" + strconv.Itoa(n), Detail: fmt.Sprintf("must be between 1 and %d", MaxAlertPercent),
			})
		}
	}
	if len(faults) > 0 {
		return "", problem.InvalidFields(faults...)
	}
	return percentsOf(list), nil
}

// percentsOf writes percentages in order, each once.
func percentsOf(list []int) Percents {
	list = slices.Clone(list)
	slices.Sort(list)
	texts := make([]string, 0, len(list))
	for _, percent := range slices.Compact(list) {
		texts = append(texts, strconv.Itoa(percent))
	}
	return Percents(strings.Join(texts, " "))
}

// List returns the percentages in order; an empty list, not nil, for none.
func (p Percents) List() []int {
	list := []int{}
	for text := range strings.FieldsSeq(string(p)) {
		if percent, err := strconv.Atoi(text); err == nil { // NewPercents writes numbers alone
			list = append(list, percent)
		}
	}
	return list
}

// validate reports the fault of percentages that NewPercents did not write, or that are
// above 100 where nobody is let in beyond the limit.
func (p Percents) validate(f *faults, overage Overage) {
	list := p.List()
	if len(list) > 0 && list[len(list)-1] > 100 && overage == OverageDeny {
		f.add("alert_percents", "must be at most 100 where overage is deny")
	}
	if _, err := NewPercents(list); err != nil {
		*f = append(*f, problem.FieldsOf(err)...)
	} else if percentsOf(list) != p {
		f.add("alert_percents", "must be in order, each once")
	}
}
