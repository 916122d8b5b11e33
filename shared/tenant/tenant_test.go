package tenant_test

import (
	"strings"
	"testing"

	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
)

func TestAnIDIsOneToSixtyFourLettersDigitsHyphensAndUnderscores(t *testing.T) {
	for _, text := range []string{"a", "acme", "ACME-2_x", "-", "0", strings.Repeat("a", 64)} {
		if id, err := tenant.ParseID(text); err != nil || string(id) != text {
			t.Errorf("%q: %q, %v", text, id, err)
		}
	}
}

func TestATextThatCannotNameATenantIsATenantThatDoesNotExist(t *testing.T) {
	for _, text := range []string{
		"", " ", "a b", "a/b", "a#b", "a.b", "..", "a%2Fb", "é", "a\x00", "a\n", strings.Repeat("a", 65),
	} {
		if id, err := tenant.ParseID(text); !problem.Is(err, problem.NotFound) || id != "" {
			t.Errorf("%q: %q, %v", text, id, err)
		}
	}
}
