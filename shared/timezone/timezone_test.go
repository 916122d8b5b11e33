package timezone_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"seatmeter/shared/timezone"
)

func TestEveryZoneOfTheDatabaseIsKnownByItsName(t *testing.T) {
	names, err := timezone.Names()
	if err != nil || len(names) < 500 {
		t.Fatalf("%d zones, %v", len(names), err)
	}
	for _, name := range []string{"UTC", "Etc/UTC", "Europe/Berlin", "Asia/Kathmandu", "America/Argentina/ComodRivadavia", "EST5EDT", "GMT+0"} {
		if !slices.Contains(names, name) {
			t.Errorf("%s is missing", name)
		}
	}
	for _, name := range names {
		if zone, err := timezone.Load(name); err != nil || zone.String() != name {
			t.Errorf("%s: %v, %v", name, zone, err)
		}
	}
}

func TestWhatIsNoNameOfAZoneIsRefused(t *testing.T) {
	for _, name := range append(notZones(), madeUp) {
		if zone, err := timezone.Load(name); err == nil {
			t.Errorf("%q is %v", name, zone)
		}
	}
}

// notZones are names by which a machine's files, or package time, may be found.
func notZones() []string {
	return []string{
		"", "Local", "localtime", "posixrules", "posix/Europe/Berlin", "right/Europe/Berlin", "Europe//Berlin", "Europe/Berlin/", "/Europe/Berlin",
		"./Europe/Berlin", "Europe/../Europe/Berlin", "../zoneinfo/Europe/Berlin", "../etc/passwd", "europe/berlin", "EUROPE/BERLIN", "utc", "Utc",
		"Europe/Berlin ", " Europe/Berlin", "Europe/Berlin\x00", "Europe", "Europe/", "zone.tab", "zone1970.tab", "tzdata.zi", "leapseconds", "+VERSION",
		"Mars/Olympus", "CET-1CEST", "UTC+1", "+01:00", "Europe\\Berlin",
	}
}

// madeUp is a zone that the machine's files have, and nobody else.
const madeUp = "Made/Up"

// The machine has a zone of its own under names that are none, and under
// Berlin's. Since package time reads $ZONEINFO once, this runs in a process of
// its own.
func TestTheMachinesZoneFilesMakeNoDifference(t *testing.T) {
	if os.Getenv("ZONEINFO") != "" {
		if zone, err := time.LoadLocation(madeUp); err != nil { //nolint:forbidigo // it shows that this test has files
			t.Fatalf("package time does not read the files of this test: %v, %v", zone, err)
		}
		TestWhatIsNoNameOfAZoneIsRefused(t)
		zone, err := timezone.Load("Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		if got := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC).In(zone).Format(time.RFC3339); got != "2026-07-01T14:00:00+02:00" {
			t.Errorf("noon is %s in Berlin", got)
		}
		return
	}
	files := t.TempDir()
	for _, name := range []string{madeUp, "localtime", "posixrules", "right/Europe/Berlin", "posix/Europe/Berlin", "Europe/Berlin", "Mars/Olympus"} {
		path := filepath.Join(files, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(fixed), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	again.Env = append(os.Environ(), "ZONEINFO="+files)
	if out, err := again.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// fixed is a compiled zone (RFC 8536, version 1) that is always at +05:45.
var fixed = "TZif" + strings.Repeat("\x00", 32) + "\x00\x00\x00\x01" + "\x00\x00\x00\x06" + "\x00\x00\x50\xdc\x00\x00" + "+0545\x00"
