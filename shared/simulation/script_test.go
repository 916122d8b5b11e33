package simulation

import (
	"math/rand/v2"
	"slices"
)

// script is the choices that a schedule is made of. Everything that could go
// one way or another asks it. The simplest choice is always zero, and a script
// that is used up gives zeros.
type script struct {
	random  *rand.Rand // draws the choices; nil: they are given
	choices []int
	next    int
	marks   []mark
}

func drawn(seed uint64) *script { return &script{random: rand.New(rand.NewPCG(seed, 0x5ea7))} }

func given(choices []int) *script { return &script{choices: choices} }

// pick chooses among options by weight. An option of weight zero is not there.
func (s *script) pick(weights ...int) int {
	if s.random == nil {
		if n := s.read(len(weights)); weights[n] > 0 {
			return n
		}
		return 0
	}
	total := 0
	for _, w := range weights {
		total += w
	}
	chosen := 0
	if total > 0 {
		for at := s.random.IntN(total); at >= weights[chosen]; chosen++ {
			at -= weights[chosen]
		}
	}
	s.choices = append(s.choices, chosen)
	return chosen
}

// below chooses a number from zero up to n, n not included.
func (s *script) below(n int) int {
	switch {
	case n <= 1:
		return 0
	case s.random == nil:
		return s.read(n)
	}
	chosen := s.random.IntN(n)
	s.choices = append(s.choices, chosen)
	return chosen
}

// one chooses an element.
func one[T any](s *script, list []T) T { return list[s.below(len(list))] }

// name gives something a name of its own, by which it is chosen: so that a
// choice means the same when other things are left out.
func (s *script) name() int {
	if s.random != nil {
		s.choices = append(s.choices, names+s.random.IntN(1<<20))
	} else if s.next < len(s.choices) {
		s.next++
		return s.choices[s.next-1]
	} else {
		return 0
	}
	return s.choices[len(s.choices)-1]
}

// names begin above all other choices.
const names = 1 << 20

// named chooses something by its name, and gives its place in the list.
func named[T any](s *script, list []T, name func(T) int) int {
	switch {
	case len(list) <= 1:
		return 0
	case s.random != nil:
		n := s.random.IntN(len(list))
		s.choices = append(s.choices, name(list[n]))
		return n
	case s.next >= len(s.choices):
		return 0
	}
	s.next++
	wanted := s.choices[s.next-1]
	return max(0, slices.IndexFunc(list, func(one T) bool { return name(one) == wanted }))
}

func (s *script) read(n int) int {
	if s.next >= len(s.choices) {
		return 0
	}
	s.next++
	return s.choices[s.next-1] % n
}

// mark is where a step begins in a script, and whose it is, by name.
type mark struct{ at, of int }

// step notes that a step begins: what a shorter schedule leaves out.
func (s *script) step() { s.marks = append(s.marks, mark{at: s.at()}) }

// of notes whose step it is.
func (s *script) of(name int) {
	if len(s.marks) > 0 {
		s.marks[len(s.marks)-1].of = name
	}
}

func (s *script) at() int {
	if s.random == nil {
		return s.next
	}
	return len(s.choices)
}

// used is the part that was used, and its steps.
func (s *script) used() tale { return tale{s.choices[:s.at()], append(s.marks, mark{at: s.at()})} }

// tale is a script that was played, and where its steps begin and the last one
// ends.
type tale struct {
	choices []int
	marks   []mark
}

// without leaves steps out.
func (t tale) without(out func(n int) bool) []int {
	kept := slices.Clone(t.choices[:t.marks[0].at])
	for n := range len(t.marks) - 1 {
		if !out(n) {
			kept = append(kept, t.choices[t.marks[n].at:t.marks[n+1].at]...)
		}
	}
	return kept
}

// shrunk makes a script that fails as simple as it can within a number of
// runs: it leaves steps out, and makes choices the simplest.
func shrunk(told tale, runs int, fails func([]int) (tale, bool)) []int {
	try := func(choices []int) bool {
		if runs == 0 {
			return false
		}
		runs--
		shorter, failed := fails(choices)
		if failed {
			told = shorter
		}
		return failed
	}
	for smaller := true; smaller && runs > 0; {
		smaller = false
		for size := len(told.marks) / 2; size > 0; size /= 2 {
			for first := len(told.marks) - 1 - size; first >= 0; first = min(first, len(told.marks)-1) - size {
				smaller = try(told.without(func(n int) bool { return n >= first && n < first+size })) || smaller
			}
		}
		for n := len(told.marks) - 1; n >= 0; n = min(n, len(told.marks)) - 1 {
			if of := told.marks[n].of; of != 0 { // all that somebody did
				smaller = try(told.without(func(n int) bool { return told.marks[n].of == of })) || smaller
			}
		}
		for at := len(told.choices) - 1; at >= 0; at = min(at, len(told.choices)) - 1 {
			smaller = simpler(told.choices, at, try) || smaller
		}
	}
	return told.choices
}

// simpler tries simpler choices in one place.
func simpler(choices []int, at int, try func([]int) bool) bool {
	for _, to := range []int{0, choices[at] / 2} {
		if to < choices[at] && (to == 0 || choices[at] < names) {
			candidate := slices.Clone(choices)
			candidate[at] = to
			if try(candidate) {
				return true
			}
		}
	}
	return false
}
