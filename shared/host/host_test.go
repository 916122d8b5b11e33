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

func TestAHostsAddressIgnoresCase(t *testing.T) {
	for _, text := range []string{"ann@example.org", "Ann@Example.org", "ANN@EXAMPLE.ORG", "  ann@example.org ", "\u3000ann@example.org\u00a0"} {
		got, err := host.ParseEmail(text, pointer)
		if err != nil || got != "ann@example.org" {
			t.Errorf("%q became %q, %v", text, got, err)
		}
	}
}

func TestEverySpellingOfAnAddressIsTheSameHost(t *testing.T) {
	for want, spellings := range map[host.Email][]string{
		"zoë@example.org":      {"zoe\u0308@example.org", "ZOË@example.org", "ZOE\u0308@EXAMPLE.ORG"},
		"αλέξησ@example.gr":    {"αλέξης@example.gr", "ΑΛΈΞΗΣ@example.gr"},
		"sμβ@example.org":      {"ſ\u00b5ϐ@example.org", "SΜΒ@example.org"},
		"å@example.org":        {"\u212b@example.org", "A\u030a@example.org"},
		"ann@bücher.example":   {"ann@xn--bcher-kva.example", "ann@XN--BCHER-KVA.example", "ann@bu\u0308cher.example", "ANN@BÜCHER.EXAMPLE"},
		"ann@straße.example":   {"ann@xn--strae-oqa.example"},
		"ann@example.org":      {"ann@ｅｘａｍｐｌｅ．ｏｒｇ", "ann@example。org"},
		"ann@δοκιμή.example":   {"ann@xn--jxalpdlp.example"},
		"ann@नेपाल.example":    {"ann@xn--l2bey1c2b.example"},
		"ann@نامه\u200cای.com": {"ann@xn--mgba3gch31f060k.com"},
	} {
		for _, text := range append(spellings, string(want)) {
			if got, err := host.ParseEmail(text, pointer); err != nil || got != want {
				t.Errorf("%q became %q, %v; want %q", text, got, err, want)
			}
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

func TestInvalidAddressesAreRefusedByMember(t *testing.T) {
	for _, text := range []string{
		"", " ", "ann", "@", "ann@", "@example.org", "ann@@example.org", "ann@example.org@example.org",
		"Ann <ann@example.org>", "<ann@example.org>", "ann@example.org, bob@example.org", "ann example@example.org",
		`"ann"@example.org`, `"a b"@example.org`, `a\b@example.org`, "ann#1@example.org", "ann@exam ple.org",
		"ann..smith@example.org", ".ann@example.org", "ann.@example.org", "ann@example..org",
		"ann@example.org\n", "\tann@example.org", "ann@example.org\u0085", "ann@example.org\r\nBcc: bob@example.org", "ann\x00@example.org", "ann\xff@example.org", "(c)ann@example.org", "a/b@example.org", "a?b@example.org",
		strings.Repeat("a", 255-len("@example.org")) + "@example.org", strings.Repeat(" ", 254) + "a@b",
		// Invisible characters.
		"ann@example.com\u200b", "\u200bann@example.com", "a\u200bnn@example.com", "ann@exam\u200bple.com", "ann@exam\u00adple.com",
		"ann\u2060@example.com", "\ufeffann@example.com", "ann\u202e@example.com", "ann\u200d@example.com", "می\u200cخ@example.com",
		"ann\u00a0b@example.com", "ann\u3164@example.com", "❤\ufe0f@example.com", "ann@❤\ufe0f.com", "ann@exam\u200dple.com", "ann\x7f@example.com",
		"ann@example.com\u2800", "ann\u2800@example.com", "ann\ufffc@example.com", "ann\U0001d159@example.com", "ann@\U00016fe4example.com",
		// Domains with an invalid label.
		"ann@-example", "ann@example-", "ann@-example.org", "ann@example-.org", "ann@.example.org", "ann@example.org.", "ann@example.org。",
		"ann@a_b.example", "ann@_dmarc.example", "ann@ab--cd.example", "ann@" + strings.Repeat("a", 64) + ".example", "ann@exa!mple.org",
		"ann@xn--", "ann@xn--.org", "ann@xn--a.org", "ann@xn--example-.org", "ann@xn--\u00fc.org", "ann@xn--bcher-kva\u00fc.org", "ann@[192.0.2.1]", "ann@a%b.org",
		"ann@" + strings.Repeat("a.", 126) + "bc", "ann@\u0301.org", "ann@example\uff0forg", "ann@אa.example", "a\uff20b",
	} {
		got, err := host.ParseEmail(text, pointer)
		p := problem.As(err)
		if p.Code != problem.Invalid || len(p.Fields) != 1 || p.Fields[0].Pointer != pointer || got != "" {
			t.Errorf("%q became %q, %v", text, got, err)
		}
	}
}

func TestCanonicalAddressesAreStableAndBounded(t *testing.T) {
	letters := append([]rune("aZ.@-+_%/'xn1"), 'İ', 'Ⱥ', 'ß', 'Σ', 'K', 'é', '\u0308', '\u200b', '\u200d', '日', '。', 'ａ', 'क', '्', 'א', 'ﬁ')
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

func TestLettersThatGrowInLowerCaseCannotPassTheBound(t *testing.T) {
	text := strings.Repeat("Ⱥ", (254-len("@example.org"))/2) + "@example.org"
	if got, err := host.ParseEmail(text, pointer); err == nil {
		t.Errorf("%d bytes became %d", len(text), len(got))
	}
}

func TestANameHasOneToTwoHundredVisibleBytes(t *testing.T) {
	for _, name := range []string{"A", "Zoë 👩\u200d🚀", strings.Repeat("a", 200), strings.Repeat("é", 100)} {
		if err := host.CheckName(name); err != nil {
			t.Errorf("%d bytes: %v", len(name), err)
		}
	}
	for _, name := range []string{"", strings.Repeat("a", 201), strings.Repeat("é", 101), "\xff", "a\x00b", "a\x1b[31m", "a\u202eb", "a\nb", " ", "\u200b"} {
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
