package jointoken_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"seatmeter/shared/jointoken"
	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
)

// claim is the stay whose seat a resume token is good for.
var claim = jointoken.Claim{Connection: "MadeUpConnect00=", Stay: "MadeUpConnect00=.mfr1kzdc"}

// signed tells, without the library, whether a text is three parts of which
// the last is the HMAC of the others.
func signed(text string) bool {
	end := strings.LastIndexByte(text, '.')
	if end < 0 || strings.Count(text, ".") != 2 {
		return false
	}
	signature, err := base64.RawURLEncoding.DecodeString(text[end+1:])
	return err == nil && hmac.Equal(signature, mac(text[:end]))
}

func mac(text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// tokens are good ones of each kind, and a JWT of another.
func tokens(t testing.TB) []string {
	t.Helper()
	resume, err := signer(t).SignResume(t.Context(), pass, claim, now, expiry)
	if err != nil {
		t.Fatal(err)
	}
	return []string{sign(t, pass), resume, strings.Replace(sign(t, pass), ".", "..", 1)}
}

// try reads a token in each way, and checks what is always true of the answers.
func try(t *testing.T, text string) {
	t.Helper()
	s := signer(t)
	check := func(way string, p jointoken.Pass, err error) {
		t.Helper()
		switch {
		case err == nil && !signed(text):
			t.Errorf("%s: %q was never signed", way, text)
		case err == nil && (!tenant.IsID(string(p.Tenant)) || !tenant.IsID(string(p.Conference)) || p.Number < 1 ||
			p.Identity == "" || len(p.Identity) > jointoken.MaxIdentityLength):
			t.Errorf("%s: %+v is out of bounds", way, p)
		case err != nil && (!problem.Is(err, problem.TokenInvalid) || p != jointoken.Pass{}):
			t.Errorf("%s: %+v, %v", way, p, err)
		case err != nil && len(text) > 40 && strings.Contains(err.Error(), text):
			t.Errorf("%s: the error tells the token", way)
		}
	}
	joins, errJoin := s.Verify(t.Context(), text, now)
	check("join", joins, errJoin)
	known, errKnown := s.Recognize(t.Context(), text, now)
	check("recognize", known, errKnown)
	resumes, claim, errResume := s.VerifyResume(t.Context(), text, now)
	check("resume", resumes, errResume)
	if errJoin == nil && (errKnown != nil || known != joins || errResume == nil) {
		t.Errorf("it joins as %+v, is known as %+v (%v), and resumes as %+v (%v)", joins, known, errKnown, resumes, errResume)
	}
	if (errResume == nil) != (claim.Connection != "" && claim.Stay != "") {
		t.Errorf("it resumes %+v, %v", claim, errResume)
	}
}

// FuzzToken: nobody is let in by what was not signed with the key.
func FuzzToken(f *testing.F) {
	for _, text := range tokens(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { try(t, text) })
}

// FuzzClaims: not even what was signed with the key lets in somebody who is out
// of bounds.
func FuzzClaims(f *testing.F) {
	for _, text := range tokens(f)[:2] {
		parts := strings.Split(text, ".")
		f.Add(decoded(f, parts[0]), decoded(f, parts[1]))
	}
	f.Fuzz(func(t *testing.T, header, claims []byte) {
		text := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(claims)
		text += "." + base64.RawURLEncoding.EncodeToString(mac(text))
		try(t, text)
		p, err := signer(t).Verify(t.Context(), text, now)
		if err != nil {
			return
		}
		again, err := signer(t).Sign(t.Context(), p, now, expiry)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := signer(t).Verify(t.Context(), again, now); err != nil || !got.SameBearer(p) || got.IssuedMillis != now.UnixMilli() {
			t.Errorf("%+v became %+v, %v", p, got, err)
		}
	})
}

func decoded(f *testing.F, part string) []byte {
	f.Helper()
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		f.Fatal(err)
	}
	return text
}
