package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/livekit/protocol/auth"
	"github.com/livekit/protocol/livekit"
)

func TestATokenIsForOneRoomAndAMinuteAtMost(t *testing.T) {
	w := newWorld(t, 3)
	w.settings.TTL = time.Hour
	w.startLicenser()
	token, p := w.askWith(backendBearer, map[string]any{"conference": conference, "identity": "bob#1@example.com", "name": "Bob", "can_publish": false})
	if p != nil {
		t.Fatal(p)
	}
	read, err := auth.ParseAPIToken(token.Token)
	w.must(err)
	registered, claims, err := read.Verify(apiSecret)
	w.must(err)
	v := claims.Video
	if v.RoomCreate || v.RoomAdmin || v.RoomList || v.Hidden || v.Recorder || v.GetCanUpdateOwnMetadata() || !v.RoomJoin || v.Room != conference || v.GetCanPublish() {
		t.Errorf("the token grants %+v", v)
	}
	if claims.Identity != "bob#1@example.com#"+token.Seat || claims.Name != "Bob" || token.Room != conference || token.URL != w.settings.LiveKitPublicURL {
		t.Errorf("the token is for %q, %q: %+v", claims.Identity, claims.Name, token)
	}
	if valid := time.Until(registered.ExpiresAt.Time); valid > time.Minute || valid < 50*time.Second {
		t.Errorf("the token is valid for %v, want a minute", valid)
	}
}

func TestATokenIsSignedForTheBackendAlone(t *testing.T) {
	w := newWorld(t, 3)
	good := map[string]any{"conference": conference, "identity": "bob@example.com"}
	for name, c := range map[string]struct {
		bearer string
		body   map[string]any
		status int
		code   string
	}{
		"no bearer":            {"", good, 401, "unauthorized"},
		"another bearer":       {backendBearer + "x", good, 401, "unauthorized"},
		"no conference":        {backendBearer, map[string]any{"identity": "bob@example.com"}, 422, "invalid"},
		"no identity":          {backendBearer, map[string]any{"conference": conference}, 422, "invalid"},
		"too long an identity": {backendBearer, map[string]any{"conference": conference, "identity": string(bytes.Repeat([]byte("a"), 241))}, 422, "invalid"},
		"another tenant":       {backendBearer, map[string]any{"conference": conference, "identity": "bob@example.com", "tenant": "other"}, 422, "invalid"},
		"an unknown member":    {backendBearer, map[string]any{"conference": conference, "identity": "bob@example.com", "room_create": true}, 422, "invalid"},
		"an unknown role":      {backendBearer, map[string]any{"conference": conference, "identity": "bob@example.com", "role": "king"}, 422, "invalid"},
		"no such conference":   {backendBearer, map[string]any{"conference": "other", "identity": "bob@example.com"}, 404, "not_found"},
	} {
		if _, p := w.askWith(c.bearer, c.body); p == nil || p.Status != c.status || p.Code != c.code {
			t.Errorf("%s: %+v, want %d %s", name, p, c.status, c.code)
		}
	}
	if n := w.inUse(); n != 0 {
		t.Errorf("%d seats in use, want none", n)
	}
}

func TestAWrongBearerOfOursIsNotTheCallersFault(t *testing.T) {
	w := newWorld(t, 3)
	for name, bearer := range map[string]string{"no bearer of Seatmeter's": "nonsense", "none": ""} {
		w.must(os.WriteFile(w.settings.BearerFile, []byte(bearer), 0o600))
		if _, p := w.ask("bob@example.com"); p == nil || p.Status != 503 || p.Code != "unavailable" {
			t.Errorf("%s: %+v, want 503 unavailable", name, p)
		}
	}
}

func TestAWebhookThatLiveKitDidNotSignReleasesNoSeat(t *testing.T) {
	w := newWorld(t, 3)
	token, p := w.ask("bob@example.com")
	if p != nil {
		t.Fatal(p)
	}
	body := []byte(`{"event":"participant_left","room":{"name":"` + conference + `"},"participant":{"identity":"` + token.Identity + `","sid":"PA_x"}}`)
	of := func(key, secret, hashed string) string {
		signed, err := auth.NewAccessToken(key, secret).SetValidFor(time.Minute).SetSha256(hashed).ToJWT()
		w.must(err)
		return signed
	}
	right := hashOf(body)
	for name, c := range map[string]struct {
		signature string
		status    int
		inUse     int
	}{
		"no signature":    {"", 401, 1},
		"another secret":  {of(apiKey, "another secret of 32 characters.", right), 401, 1},
		"another key":     {of("other", apiSecret, right), 401, 1},
		"another content": {of(apiKey, apiSecret, hashOf([]byte("{}"))), 401, 1},
	} {
		w.sendWebhook(name, body, c.signature, c.status, c.inUse)
	}
	w.sendWebhook("LiveKit's own", body, of(apiKey, apiSecret, right), 200, 0)
	w.sendWebhook("the same again", body, of(apiKey, apiSecret, right), 200, 0)
}

func (w *world) sendWebhook(name string, body []byte, signature string, status, inUse int) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.http.URL+"/webhook", bytes.NewReader(body))
	w.must(err)
	r.Header.Set("Authorization", signature)
	answer, err := http.DefaultClient.Do(r)
	w.must(err)
	w.must(answer.Body.Close())
	if answer.StatusCode != status || w.inUse() != inUse {
		w.t.Errorf("%s: %d, with %d seats in use; want %d, with %d", name, answer.StatusCode, w.inUse(), status, inUse)
	}
}

func TestARoomOfManyTenantsIsNamedForItsTenant(t *testing.T) {
	w := newWorld(t, 3)
	w.settings.Tenant = ""
	w.startLicenser()
	token, p := w.askWith(backendBearer, map[string]any{"tenant": w.tenant, "conference": conference, "identity": "bob@example.com"})
	if p != nil {
		t.Fatal(p)
	}
	if token.Room != w.tenant+"/"+conference {
		t.Errorf("the room is %q", token.Room)
	}
	bob := w.join(token.Token)
	ofNoTenant := w.connect(w.sign("eve@example.com#" + token.Seat)) // a room without a tenant
	w.eventually("a participant of no tenant's room is out", ofNoTenant.isOut)
	w.eventually("the seat is renewed", w.renewedTimes(2))
	if bob.isOut() {
		t.Error("the person with a seat is out")
	}
	bob.Stop()
	w.eventually("the seat is released", func() bool { return w.inUse() == 0 })
}

func TestManyAreRenewedByAHundredTogether(t *testing.T) {
	var (
		mu      sync.Mutex
		batches []int
		renewed []string
	)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Seats []string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		mu.Lock()
		defer mu.Unlock()
		batches, renewed = append(batches, len(body.Seats)), append(renewed, body.Seats...)
		_ = json.NewEncoder(w).Encode(map[string]any{"renewed": body.Seats, "lapsed": []string{}, "expires_at": time.Now().Add(time.Minute)})
	}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "bearer")
	if err := os.WriteFile(file, []byte("bearer"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := newLicenser(settings{SeatmeterURL: server.URL, BearerFile: file, Tenant: "acme", TTL: time.Minute}, slog.New(slog.DiscardHandler))
	var all []*livekit.ParticipantInfo
	for i := range 250 {
		all = append(all, &livekit.ParticipantInfo{Identity: identity("person", strconv.Itoa(i))})
	}
	var calls sync.WaitGroup
	for range 2 { // the second time none is due
		l.sort(t.Context(), conference, all, &calls)
		calls.Wait()
	}
	slices.Sort(batches)
	if !slices.Equal(batches, []int{50, 100, 100}) || len(slices.Compact(slices.Sorted(slices.Values(renewed)))) != 250 {
		t.Errorf("%d seats in batches of %v", len(renewed), batches)
	}
}

func hashOf(body []byte) string {
	sum := sha256.Sum256(body)
	return base64.StdEncoding.EncodeToString(sum[:])
}
