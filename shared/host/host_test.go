package host_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"seatmeter/shared/host"
	"seatmeter/shared/problem"
)

const pointer = "#/email"

func TestTheSameLettersInUpperAndLowerCaseAreTheSameHost(t *testing.T) {
	for _, text := range []string{"ann@example.org", "Ann@Example.org", "ANN@EXAMPLE.ORG", "  ann@example.org\n"} {
		got, err := host.ParseEmail(text, pointer)
		if err != nil || got != "ann@example.org" {
			t.Errorf("%q became %q, %v", text, got, err)
		}
	}
}

func TestAddressesOfEveryUsualFormNameAHost(t *testing.T) {
	for _, text := range []string{
		"a@b", "ann@example.org", "ann.smith+meetings@mail.example.org", "o'neil@example.org", "a_b-c@example.org",
		"50%off@example.org", "zoë@example.org", "ann@münchen.example",
		strings.Repeat("a", 254-len("@example.org")) + "@example.org",
	} {
		got, err := host.ParseEmail(text, pointer)
		if err != nil || string(got) != text {
			t.Errorf("%q became %q, %v", text, got, err)
		}
	}
}

func TestWhatIsNoAddressIsRefusedAndNamed(t *testing.T) {
	for _, text := range []string{
		"", " ", "ann", "@", "ann@", "@example.org", "ann@@example.org", "ann@example.org@example.org",
		"Ann <ann@example.org>", "<ann@example.org>", "ann@example.org, bob@example.org", "ann example@example.org",
		`"ann"@example.org`, `"a b"@example.org`, `a\b@example.org`, "ann#1@example.org", "ann@exam ple.org",
		"ann..smith@example.org", ".ann@example.org", "ann.@example.org", "ann@example..org",
		"ann@example.org\r\nBcc: bob@example.org", "ann\x00@example.org", "ann\xff@example.org", "(c)ann@example.org", "a/b@example.org", "a?b@example.org",
		strings.Repeat("a", 255-len("@example.org")) + "@example.org", strings.Repeat(" ", 254) + "a@b",
	} {
		got, err := host.ParseEmail(text, pointer)
		p := problem.As(err)
		if p.Code != problem.Invalid || len(p.Fields) != 1 || p.Fields[0].Pointer != pointer || got != "" {
			t.Errorf("%q became %q, %v", text, got, err)
		}
	}
}

func TestACanonicalAddressIsItsOwnCanonicalFormAndWithinBounds(t *testing.T) {
	letters := append([]rune("aZ.@-+_%/'"), 'İ', 'Ⱥ', 'ß', 'Σ', 'K', 'é', '\u200b', '日')
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.SampledFrom(letters), 1, 140, -1).Draw(t, "local") + "@" +
			rapid.StringOfN(rapid.SampledFrom(letters), 1, 60, -1).Draw(t, "domain")
		email, err := host.ParseEmail(text, pointer)
		if err != nil {
			return
		}
		if len(email) > host.MaxEmailLength {
			t.Fatalf("%d bytes became %d", len(text), len(email))
		}
		if again, err := host.ParseEmail(string(email), pointer); err != nil || again != email {
			t.Fatalf("%q became %q, %v", email, again, err)
		}
	})
}

func TestLettersThatGrowInLowerCaseDoNotPassTheBound(t *testing.T) {
	text := strings.Repeat("Ⱥ", (254-len("@example.org"))/2) + "@example.org"
	if got, err := host.ParseEmail(text, pointer); err == nil {
		t.Errorf("%d bytes became %d", len(text), len(got))
	}
}

func TestANameHasOneToTwoHundredBytes(t *testing.T) {
	for _, name := range []string{"A", strings.Repeat("a", 200), strings.Repeat("é", 100)} {
		if err := host.CheckName(name); err != nil {
			t.Errorf("%d bytes: %v", len(name), err)
		}
	}
	for _, name := range []string{"", strings.Repeat("a", 201), strings.Repeat("é", 101), "\xff"} {
		p := problem.As(host.CheckName(name))
		pointers := make([]string, 0, 1)
		for _, f := range p.Fields {
			pointers = append(pointers, f.Pointer)
		}
		if p.Code != problem.Invalid || !slices.Equal(pointers, []string{"#/name"}) {
			t.Errorf("%d bytes: %v", len(name), p)
		}
	}
}
