package problem_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"seatmeter/shared/problem"
)

func TestEveryCodeHasItsStatusTypeAndTitle(t *testing.T) {
	for code, status := range map[problem.Code]int{
		"seats_exhausted": 403, "participants_exhausted": 403, "hosts_exhausted": 403, "host_changes_exhausted": 403,
		"license_expired": 403, "license_suspended": 403, "host_busy": 409, "conference_not_live": 409,
		"conference_ended": 410, "token_invalid": 401, "forbidden": 403, "not_found": 404, "already_exists": 409,
		"precondition_failed": 412, "invalid": 422, "rate_limited": 429, "unavailable": 503, "internal": 500,
	} {
		d := problem.New(code, "Something.").Document()
		if d.Status != status || d.Type != "urn:seatmeter:problem:"+string(code) || d.Code != code || d.Title == "" {
			t.Errorf("%s: %+v", code, d)
		}
	}
}

func TestEveryCodeHasAMeaning(t *testing.T) {
	if len(problem.Codes()) < 18 {
		t.Errorf("there are %v", problem.Codes())
	}
	for _, code := range problem.Codes() {
		if code.Meaning() == "" {
			t.Errorf("%s means nothing", code)
		}
	}
}

func TestADocumentHasFieldsConferenceAndOccupancy(t *testing.T) {
	p := problem.InvalidFields(problem.Field{Pointer: "#/seats", Detail: "must be more"})
	p.Conference, p.Occupancy = "weekly", &problem.Occupancy{Limit: 25, InUse: 0}
	text, err := json.Marshal(p.Document())
	if err != nil {
		t.Fatal(err)
	}
	want := `{"type":"urn:seatmeter:problem:invalid","title":"The input is not valid","status":422,"code":"invalid",` +
		`"detail":"Some members of the input are not valid.","errors":[{"pointer":"#/seats","detail":"must be more"}],` +
		`"conference":"weekly","limit":25,"in_use":0}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

func TestAProblemIsFoundInWrappedErrors(t *testing.T) {
	p := problem.New(problem.HostBusy, "Busy.")
	wrapped := fmt.Errorf("join: %w", errors.Join(errors.New("other"), p))
	if problem.As(wrapped) != p || !problem.Is(wrapped, problem.HostBusy) || problem.Is(wrapped, problem.NotFound) {
		t.Errorf("got %v", problem.As(wrapped))
	}
}

func TestOnlyRetryableProblemsHaveAWait(t *testing.T) {
	for _, c := range []struct {
		code problem.Code
		wait time.Duration
		want int64
	}{
		{problem.Unavailable, 0, 5},
		{problem.Unavailable, time.Minute, 60},
		{problem.RateLimited, 0, 1},
		{problem.RateLimited, time.Nanosecond, 1},
		{problem.RateLimited, 1500 * time.Millisecond, 2},
		{problem.RateLimited, 2 * time.Second, 2},
		{problem.HostBusy, 0, 0},
		{problem.Internal, 0, 0},
	} {
		p := problem.New(c.code, "No.")
		p.RetryAfter = c.wait
		if got := p.RetrySeconds(); got != c.want {
			t.Errorf("%s after %v: %d s, want %d", c.code, c.wait, got, c.want)
		}
	}
}

func TestTheCauseIsOnlyLogged(t *testing.T) {
	cause := errors.New("table live-7 refused")
	unknown := problem.As(fmt.Errorf("read: %w", cause))
	known := problem.New(problem.Unavailable, "Try again.").Because(cause)
	for _, p := range []*problem.Error{unknown, known} {
		text, err := json.Marshal(p.Document())
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), cause.Error()) {
			t.Errorf("the caller sees %s", text)
		}
		if !errors.Is(p, cause) || !strings.Contains(p.Error(), cause.Error()) {
			t.Errorf("the log sees %v", p)
		}
	}
	if unknown.Code != problem.Internal || problem.Is(cause, problem.Internal) {
		t.Errorf("an unknown error is %s", unknown.Code)
	}
}
