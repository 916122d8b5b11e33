package typed_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"seatmeter/shared/typed"
)

const most = 254

func TestTextOfEveryScriptIsAccepted(t *testing.T) {
	for name, text := range map[string]string{
		"ASCII":                        "Ann O'Neil-Smith 3rd (ann@example.org) {~}",
		"accents":                      "Zoë Łukasz Đặng Ångström",
		"accents, decomposed":          "Zoe\u0308",
		"an ideographic space":         "山田\u3000太郎",
		"a no-break space":             "M.\u00a0Dupont\u202f!",
		"Persian, non-joiner":          "می\u200cخواهم",
		"a suffix of a Latin word":     "PDF\u200cها",
		"Persian abbreviation":         "ه\u200d",
		"after a vowel mark":           "کتابً\u200cها",
		"Hindi, joiner":                "क्\u200dष",
		"Hindi, non-joiner":            "क्\u200cष",
		"Sinhala":                      "ශ්\u200dරී",
		"Malayalam chillu":             "ന്\u200d",
		"Bengali":                      "র\u200d্য",
		"Kannada":                      "ರ\u200d್ಕ",
		"Mongolian, selectors":         "ᠮᠣᠩᠭᠣᠯ\u180b ᠬ\u180eᠠ",
		"ideographic variant":          "葛\U000e0100城",
		"Arabic number sign":           "\u0600١٢",
		"Hebrew with a mark":           "C++\u200f שלום",
		"Arabic with marks":            "\u200eابت\u061c 3",
		"emoji":                        "😀",
		"an emoji of later than ours":  "\U0001fae9 \U0001fac8",
		"emoji style":                  "❤\ufe0f ℹ\ufe0f ↔\ufe0f ‼\ufe0f 〰\ufe0f ©\ufe0f",
		"keycap":                       "1\ufe0f\u20e3 #\ufe0f\u20e3",
		"skin tone":                    "👍🏽",
		"family":                       "👨\u200d👩\u200d👧\u200d👦",
		"rainbow flag":                 "🏳\ufe0f\u200d🌈",
		"heart on fire":                "❤\ufe0f\u200d🔥",
		"astronaut with a skin tone":   "👩🏽\u200d🚀",
		"health worker":                "👩\u200d⚕\ufe0f",
		"shaking head":                 "🙂\u200d↔\ufe0f",
		"flag of a country":            "🇩🇪",
		"flag of a region":             "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
		"flag of a region with digits": "\U0001f3f4" + tags("fr75c") + "\U000e007f",
		"the replacement character":    "\ufffd",
		"Braille with its blank":       "⠁\u2800⠃",
		"an ideograph of later":        "\U0002ebf0\U000323b0田",
		"254 bytes":                    strings.Repeat("é", 127),
	} {
		if fault := typed.Fault(text, 1, most); fault != "" {
			t.Errorf("%s: %q %s", name, text, fault)
		}
	}
}

func TestTextWithHiddenOrMeaninglessCharactersIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                         "",
		"255 bytes":                       strings.Repeat("a", 255),
		"no UTF-8":                        "a\xff",
		"a surrogate as UTF-8":            "a\xed\xa0\x80",
		"only a space":                    " ",
		"only blanks":                     "\u00a0\u3000\u2800",
		"a blank of Braille among others": "ann\u2800",
		"two blanks after others":         "bob\u2800\u2800",
		"an object's place":               "ann\ufffc",
		"a blank of music":                "ann\U0001d159",
		"a blank hieroglyph":              "\U00013441ann",
		"a filler of Khitan":              "ann\U00016fe4",
		"no ideograph":                    "a\U0002ffff",
		"only joiners":                    "\u200d\u200c",
		"only a selector":                 "\ufe0f",
		"only a mark":                     "\u0301",
		"a selector and a keycap":         "\ufe0f\u20e3",
		"zero-width space":                "ann\u200b",
		"zero-width space in Persian":     "می\u200bخواهم",
		"word joiner":                     "a\u2060b",
		"byte order mark":                 "\ufeffa",
		"soft hyphen":                     "a\u00adb",
		"grapheme joiner":                 "a\u034fb",
		"Hangul filler":                   "a\u3164",
		"half-width filler":               "\uffa0a",
		"Hangul choseong filler":          "a\u115f",
		"Khmer inherent vowel":            "ក\u17b4",
		"invisible plus":                  "1\u20642",
		"deprecated format":               "ش\u206a",
		"annotation":                      "a\ufff9b\ufffac\ufffb",
		"line separator":                  "a\u2028b",
		"paragraph separator":             "a\u2029b",
		"unassigned":                      "a\u0378",
		"unassigned, ignorable":           "a\U000e0fff",
		"noncharacter":                    "a\ufdd0",
		"noncharacter at a plane's end":   "a\U0001ffff",
		"private use":                     "a\ue000",
		"private use of plane 16":         "a\U0010fffd",
		"joiner after Latin":              "ann\u200d",
		"non-joiner in Latin":             "an\u200cn",
		"joiner before a space":           "ann\u200d سلام",
		"joiner at the beginning":         "\u200dann",
		"two joiners":                     "می\u200c\u200cخواهم",
		"joiner after an emoji":           "👩\u200d",
		"joiner between emoji and letter": "👩\u200da",
		"non-joiner between emoji":        "👩\u200c🚀",
		"selector after Latin":            "ann\ufe0f",
		"selector after a digit":          "ann1\ufe0f",
		"selector after a space":          "a \ufe0f",
		"two selectors":                   "❤\ufe0f\ufe0f",
		"supplementary selector":          "ann\U000e0100",
		"Mongolian selector after Latin":  "ann\u180b",
		"Mongolian selector after emoji":  "❤\u180b",
		"vowel separator after Latin":     "ann\u180e",
		"mark of direction in Latin":      "ann\u200e",
		"mark of direction in Greek":      "Άννα\u200f",
		"Arabic mark in Latin":            "ann\u061c",
		"tags after a letter":             "a" + tags("gbsct") + "\U000e007f",
		"tags after a face":               "😀" + tags("gbsct") + "\U000e007f",
		"tags without an end":             "🏴" + tags("gbsct"),
		"too few tags":                    "🏴" + tags("gb") + "\U000e007f",
		"too many tags":                   "🏴" + tags("ignorethis") + "\U000e007f",
		"tags twice":                      "🏴" + tags("gbsct") + "\U000e007f" + tags("gbsct") + "\U000e007f",
		"a capital tag":                   "🏴" + tags("GBSCT") + "\U000e007f",
		"an end without tags":             "🏴\U000e007f",
		"language tag":                    "a\U000e0001",
	} {
		if typed.Fault(text, 1, most) == "" {
			t.Errorf("%s: %q is taken", name, text)
		}
	}
}

func TestControlAndBidirectionalCharactersAreRefused(t *testing.T) {
	var refused []rune
	for r := rune(0); r < 0x20; r++ {
		refused = append(refused, r)
	}
	for r := rune(0x7f); r < 0xa0; r++ {
		refused = append(refused, r)
	}
	refused = append(refused, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069)
	for _, r := range refused {
		for _, text := range []string{string(r) + "ann", "a" + string(r) + "n", "ann" + string(r), "سلام" + string(r) + "سلام", "👩" + string(r) + "👩"} {
			if typed.Fault(text, 1, most) == "" {
				t.Errorf("%q is taken", text)
			}
		}
	}
}

func TestAFaultNamesTheCharacterAndItsPlace(t *testing.T) {
	if got := typed.Fault("é\u200b", 1, most); !strings.Contains(got, "U+200B") || !strings.Contains(got, "character 2") {
		t.Error(got)
	}
}

// Where no neighbour needs it, an invisible character would make two texts of
// one look.
func TestInvisibleCharactersAmongLatinLettersAreRefused(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if text := fmt.Sprintf("an%cn", r); typed.Invisible(r) && typed.Fault(text, 1, most) == "" {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestNoTextPanics(t *testing.T) {
	some := rapid.SampledFrom([]rune("a1# é👩🚀🏴❤↔می्क葛ᠮש\u0301\u200b\u200c\u200d\u200e\u061c\u180b\u180e\u20e3\ufe0f\U000e0067\U000e0062\U000e007f"))
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.StringOfN(some, 0, 12, -1), rapid.String()).Draw(t, "text")
		if typed.Fault(text, 0, most) == "" && strings.ContainsFunc(text, unicode.IsControl) {
			t.Errorf("%q is taken", text)
		}
	})
}

func TestOptionalTextMayBeEmpty(t *testing.T) {
	if fault := typed.Fault("", 0, most); fault != "" {
		t.Error(fault)
	}
}

func tags(ascii string) string {
	return strings.Map(func(r rune) rune { return r + 0xe0000 }, ascii)
}
