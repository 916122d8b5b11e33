// Package timezone has the time zones of the IANA database, by which tenants are
// billed.
//
// The database is embedded here, and no other is looked at: package time would
// prefer the machine's zone files and $ZONEINFO, which may have other rules, and
// names that are no zones, such as localtime and posixrules. Two machines could
// then write different bills. The embedded one is Go's own; to take over that of
// a newer toolchain, run go generate in this folder.
package timezone

import (
	"archive/zip"
	_ "embed" // of the database
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

//go:generate sh -c "cp \"$(go env GOROOT)/lib/time/zoneinfo.zip\" ."
//go:embed zoneinfo.zip
var database string

// files are the compiled zones by name.
var files = sync.OnceValues(func() (map[string]*zip.File, error) {
	archive, err := zip.NewReader(strings.NewReader(database), int64(len(database)))
	if err != nil {
		return nil, fmt.Errorf("the embedded time zones: %w", err)
	}
	byName := make(map[string]*zip.File, len(archive.File))
	for _, f := range archive.File {
		byName[f.Name] = f
	}
	return byName, nil
})

// Load gives the zone of a name, such as Europe/Berlin, written just so.
func Load(name string) (*time.Location, error) {
	if name == "UTC" {
		return time.UTC, nil
	}
	zones, err := files()
	if err != nil {
		return nil, err
	}
	f, found := zones[name]
	if !found {
		return nil, fmt.Errorf("%q is no zone of the IANA database", name)
	}
	compiled, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("time zone %s: %w", name, err)
	}
	defer compiled.Close()
	data, err := io.ReadAll(compiled)
	if err != nil {
		return nil, fmt.Errorf("time zone %s: %w", name, err)
	}
	zone, err := time.LoadLocationFromTZData(name, data)
	if err != nil {
		return nil, fmt.Errorf("time zone %s: %w", name, err)
	}
	return zone, nil
}

// Names lists all zones.
func Names() ([]string, error) {
	zones, err := files()
	return slices.Sorted(maps.Keys(zones)), err
}
