// Package typed checks text that people type: names, titles, reasons and identities.
//
// Text can be in any script and have emoji. It must not have control characters
// (including tabs and line breaks), bidirectional overrides or embeddings, or
// unassigned code points, and must have at least one visible character. An invisible
// character, which shows only in its effect on its neighbours, is permitted only
// where the neighbours need it. Elsewhere, two texts that look the same could differ
// by it. Permitted are:
//   - joiners (U+200C, U+200D) beside a letter of a script whose letters join or
//     stack, such as Arabic and Devanagari, and between the parts of an emoji;
//   - variation selectors after what has variants;
//   - tags in the flags of regions;
//   - directional marks (U+200E, U+200F, U+061C) in right-to-left text;
//   - the blank of Braille (U+2800) beside a letter of Braille.
package typed

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/bidi"
)

// Fault returns why a text is not permitted; empty if it is. Its length must be
// fewest to most bytes.
func Fault(text string, fewest, most int) string {
	switch {
	case len(text) < fewest || len(text) > most:
		return fmt.Sprintf("must have %d to %d bytes", fewest, most)
	case !utf8.ValidString(text):
		return "must be UTF-8"
	}
	t := reading{runes: []rune(text)}
	seen := text == ""
	for i, r := range t.runes {
		if !t.takes(i) {
			return fmt.Sprintf("must not have U+%04X, character %d", r, i+1)
		}
		seen = seen || isSeen(r)
	}
	if !seen {
		return "must have a character that is seen"
	}
	return ""
}

// Invisible reports whether a character shows only in its effect on its neighbours, or
// is a blank that is no space.
func Invisible(r rune) bool {
	return unicode.Is(blanks, r) ||
		unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, unicode.Zl, unicode.Zp) ||
		unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

// blanks are symbols, letters and marks of which nothing is drawn, as the Unicode
// Standard's code charts show.
var blanks = &unicode.RangeTable{
	R16: []unicode.Range16{{blankBraille, blankBraille, 1}, {'\ufffc', '\ufffc', 1}},
	R32: []unicode.Range32{{0x13441, 0x13442, 1}, {0x16fe4, 0x16fe4, 1}, {0x1d159, 0x1d159, 1}},
}

const (
	nonJoiner      = '\u200c'
	joiner         = '\u200d'
	leftToRight    = '\u200e'
	rightToLeft    = '\u200f'
	arabicMark     = '\u061c'
	vowelSeparator = '\u180e'
	keycap         = '\u20e3'
	textStyle      = '\ufe0e'
	emojiStyle     = '\ufe0f'
	blankBraille   = '\u2800'
	blackFlag      = '\U0001f3f4'
	firstTag       = '\U000e0020'
	cancelTag      = '\U000e007f'
)

// The length of the region in a flag, in letters and digits (Unicode CLDR,
// subdivisions).
const (
	fewestOfRegion = 3
	mostOfRegion   = 6
)

// isAssigned reports whether a code point has an agreed meaning. The blocks that
// Unicode reserves for future emoji, and for ideographs, count as assigned, since phones
// have new ones each year, and names have them.
func isAssigned(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Zs) || isPictograph(r) || isIdeograph(r) || Invisible(r) ||
		unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

// isSeen reports whether a character is visible by itself.
func isSeen(r rune) bool {
	return !Invisible(r) && (unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S) || isPictograph(r) || isIdeograph(r))
}

// isIdeograph reports whether a code point is in the planes of ideographs, but for
// those that are no characters.
func isIdeograph(r rune) bool { return 0x20000 <= r && r <= 0x3ffff && r&0xfffe != 0xfffe }

func isBraille(r rune) bool { return unicode.Is(unicode.Braille, r) && r != blankBraille }

// isPictograph reports whether a code point is, or is reserved for, an emoji (UTS
// #51, Extended_Pictographic), or is another symbol or a skin tone.
func isPictograph(r rune) bool {
	return unicode.Is(unicode.So, r) || 0x1f000 <= r && r <= 0x1faff || 0x1fc00 <= r && r <= 0x1fffd
}

// separate are the scripts whose letters do not join, and the characters that many
// scripts share.
var separate = []*unicode.RangeTable{
	unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Armenian, unicode.Georgian, unicode.Han, unicode.Hiragana,
	unicode.Katakana, unicode.Bopomofo, unicode.Hangul, unicode.Common, unicode.Inherited,
}

func joins(r rune) bool { return unicode.In(r, unicode.L, unicode.M) && !unicode.In(r, separate...) }

// reading is a text whose characters are checked in context.
type reading struct{ runes []rune }

// at returns the character at a position; 0, which no text has, outside of the text.
func (t reading) at(i int) rune {
	if i < 0 || i >= len(t.runes) {
		return 0
	}
	return t.runes[i]
}

// base returns the nearest character before a position that is not a mark shared by
// many scripts, such as an accent, a variation selector or a keycap.
func (t reading) base(i int) rune {
	i--
	for unicode.Is(unicode.Inherited, t.at(i)) && unicode.Is(unicode.M, t.at(i)) {
		i--
	}
	return t.at(i)
}

// takes reports whether the character at a position is permitted there.
func (t reading) takes(i int) bool {
	r := t.runes[i]
	if !Invisible(r) {
		return isAssigned(r)
	}
	before, after := t.base(i), t.at(i+1)
	switch {
	case r == joiner && isPictograph(before) && (isPictograph(after) || unicode.Is(unicode.Sm, after)):
		return true
	case r == joiner, r == nonJoiner:
		return (joins(before) || joins(after)) && before != joiner && before != nonJoiner
	case r == blankBraille:
		return isBraille(before) || isBraille(after)
	case r == vowelSeparator:
		return unicode.Is(unicode.Mongolian, before)
	case unicode.Is(unicode.Variation_Selector, r):
		return t.hasVariants(t.at(i-1), r, after)
	case r == leftToRight, r == rightToLeft, r == arabicMark:
		return t.isRightToLeft()
	}
	return t.isInFlag(i)
}

// hasVariants reports whether a variation selector may follow a character.
func (t reading) hasVariants(r, selector, after rune) bool {
	switch {
	case unicode.Is(unicode.Mongolian, selector):
		return unicode.Is(unicode.Mongolian, r)
	case r < utf8.RuneSelf:
		return strings.ContainsRune("#*0123456789", r) && after == keycap && (selector == textStyle || selector == emojiStyle)
	case unicode.IsLetter(r):
		return joins(r) || unicode.In(r, unicode.Han, unicode.Common)
	}
	return isSeen(r)
}

func (t reading) isRightToLeft() bool {
	for _, r := range t.runes {
		p, _ := bidi.LookupRune(r)
		if unicode.IsLetter(r) && (p.Class() == bidi.R || p.Class() == bidi.AL) {
			return true
		}
	}
	return false
}

// isInFlag reports whether a tag belongs to a region's flag: the black flag, three to
// six letters or digits, and the end tag.
func (t reading) isInFlag(i int) bool {
	start := i
	for start > 0 && isTag(t.at(start-1)) {
		start--
	}
	end := start
	for isTagOfRegion(t.at(end)) {
		end++
	}
	return t.at(start-1) == blackFlag && t.at(end) == cancelTag && i <= end &&
		fewestOfRegion <= end-start && end-start <= mostOfRegion
}

func isTag(r rune) bool { return firstTag <= r && r <= cancelTag }

func isTagOfRegion(r rune) bool {
	ascii := r - firstTag + ' '
	return '0' <= ascii && ascii <= '9' || 'a' <= ascii && ascii <= 'z'
}
