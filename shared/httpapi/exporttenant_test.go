package httpapi_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/gowebpki/jcs"

	"seatmeter/shared/httpapi"
	"seatmeter/shared/problem"
)

// exported are the lines of an export, by kind.
func (w *world) exported(query string) map[string][]json.RawMessage {
	w.t.Helper()
	found := make(map[string][]json.RawMessage)
	for line := range strings.Lines(w.call(acmeAdmin, http.MethodGet, ofAcme+"/export"+query, "").ok().body) {
		var read struct {
			Kind string
			Data json.RawMessage
		}
		if err := json.Unmarshal([]byte(line), &read); err != nil {
			w.t.Fatalf("%s: %v", line, err)
		}
		found[read.Kind] = append(found[read.Kind], read.Data)
	}
	return found
}

func TestAnExportHasAllThatATenantHas(t *testing.T) {
	w := toDelete(t)
	got := w.exported("")
	for kind, n := range map[string]int{"license": 1, "host": 1, "conference": 2, "webhook": 2, "record": 2, "statement": 1} {
		if len(got[kind]) != n {
			t.Errorf("%d of %s, want %d", len(got[kind]), kind, n)
		}
	}
	text := func(kinds ...string) (all string) {
		for _, kind := range kinds {
			for _, line := range got[kind] {
				all += string(line)
			}
		}
		return all
	}
	all := text("record", "action")
	if !strings.Contains(all, "bob@example.org") || strings.Contains(all, `"person-`) || strings.Contains(text("webhook"), "whsec_") {
		t.Errorf("people are not named, or secrets are: %s", all)
	}
	if last := w.actions("acme")[0]; last.Action != "export-tenant" || last.Outcome != "done" {
		t.Errorf("the audit log has %+v", last)
	}
	if september := w.exported("?from=2026-09-01T00:00:00Z"); len(september["record"]) != 1 || len(september["license"]) != 1 {
		t.Errorf("of September it has %d records", len(september["record"]))
	}
	if later := w.exported("?from=4256-02-02T03:10:17Z"); len(later["record"]) != 0 || len(later["license"]) != 1 {
		t.Errorf("of a far year it has %d records", len(later["record"]))
	}
	w.call(acmeAdmin, http.MethodGet, ofAcme+"/export?from=2026-09-01T00:00:00Z&to=2026-08-01T00:00:00Z", "").refused(problem.Invalid, "#/to")
	w.call(finance, http.MethodGet, ofAcme+"/export", "").refused(problem.Forbidden)
}

// Whoever has an export can check the seals in it, and needs nothing else.
func TestASealVerifiesFromAnExportAlone(t *testing.T) {
	w := toDelete(t)
	w.call(acmeAdmin, http.MethodDelete, ofAcme+"/people/bob@example.org", "").ok()
	w.goOn()
	var line httpapi.StatementExport
	var members map[string]json.RawMessage
	statements := w.exported("")["statement"]
	if err := json.Unmarshal(statements[0], &line); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(line.Document, &members); err != nil {
		t.Fatal(err)
	}
	delete(members, "sha256")
	rest, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	if rest, err = jcs.Transform(rest); err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(rest); hex.EncodeToString(sum[:]) != line.SHA256 {
		t.Errorf("the hash is %x, and %s is said", sum, line.SHA256)
	}
}
