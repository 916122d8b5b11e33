package bill

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"seatmeter/infra/client"
)

// Record is a record of the ledger.
type Record struct {
	Kind       string      `json:"kind"`
	Conference string      `json:"conference"`
	Number     int64       `json:"number"`
	Host       string      `json:"host"`
	Identity   string      `json:"identity"`
	Connection string      `json:"connection"`
	Stay       string      `json:"stay"`
	Resumed    bool        `json:"resumed"`
	Pool       string      `json:"pool"`
	JoinedAt   time.Time   `json:"joined_at"`
	LeftAt     time.Time   `json:"left_at"`
	Estimated  bool        `json:"estimated"`
	InUse      int         `json:"in_use"`
	At         time.Time   `json:"at"`
	Code       client.Code `json:"code"`
	Since      time.Time   `json:"since"`
}

// Statement has those members of a statement that are checked.
type Statement struct {
	Tenant   string            `json:"tenant"`
	Period   string            `json:"period"`
	Revision int               `json:"revision"`
	From     time.Time         `json:"from"`
	To       time.Time         `json:"to"`
	Rules    string            `json:"rule_version"`
	Records  int               `json:"records"`
	Segments []Segment         `json:"segments"`
	Totals   client.UsageRow   `json:"totals"`
	Days     []client.UsageRow `json:"days"`
	Stale    bool              `json:"stale"`
}

// Segment has the billed figures of a part of the statement under one model and limit.
type Segment struct {
	client.UsageRow

	Model client.Model `json:"model"`
	Limit int          `json:"limit"`
}

// ReadStatement reads a statement in JSON.
func ReadStatement(r io.Reader) (Statement, error) {
	var s Statement
	if err := json.NewDecoder(r).Decode(&s); err != nil {
		return s, fmt.Errorf("read the statement: %w", err)
	}
	return s, nil
}

// ReadHistory reads the history of a license: one page after the other.
func ReadHistory(r io.Reader) ([]client.Revision, error) {
	var all []client.Revision
	err := values(r, func(page client.Page[client.Revision]) { all = append(all, page.Items...) })
	if err != nil {
		return nil, fmt.Errorf("read the license's history: %w", err)
	}
	return all, nil
}

// ReadLedger reads a ledger: as CSV, as NDJSON, or pages of JSON one after the other.
func ReadLedger(r io.Reader) ([]Record, error) {
	text := bufio.NewReader(r)
	var all []Record
	first, err := text.Peek(1)
	switch {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err == nil && first[0] == '{':
		type line struct {
			Record

			Items []Record `json:"items"`
		}
		err = values(text, func(l line) {
			if all = append(all, l.Items...); l.Kind != "" {
				all = append(all, l.Record)
			}
		})
	case err == nil:
		all, err = readCSV(text)
	}
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	return all, nil
}

// values decodes JSON values that follow each other.
func values[T any](r io.Reader, each func(T)) error {
	for in := json.NewDecoder(r); ; {
		var v T
		err := in.Decode(&v)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err //nolint:wrapcheck // the caller does
		}
		each(v)
	}
}

func readCSV(r io.Reader) ([]Record, error) {
	in := csv.NewReader(r)
	header, err := in.Read()
	if err != nil {
		return nil, err //nolint:wrapcheck // the caller does
	}
	var all []Record
	for {
		cells, err := in.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err //nolint:wrapcheck // the caller does
		}
		named := make(map[string]string, len(header))
		for i, name := range header {
			named[name] = cells[i]
		}
		record, err := recordOf(named)
		if err != nil {
			return nil, err
		}
		all = append(all, record)
	}
}

// recordOf reads the cells of a line of CSV, by column.
func recordOf(cells map[string]string) (Record, error) {
	var faults []error
	moment := func(column string) time.Time {
		if cells[column] == "" {
			return time.Time{}
		}
		at, err := time.Parse(time.RFC3339, cells[column])
		faults = append(faults, err)
		return at
	}
	number := func(column string) int64 {
		if cells[column] == "" {
			return 0
		}
		n, err := strconv.ParseInt(cells[column], 10, 64)
		faults = append(faults, err)
		return n
	}
	r := Record{
		Kind: cells["kind"], Conference: cells["conference"], Number: number("number"), Host: cells["host"], Identity: cells["identity"],
		Connection: cells["connection"], Stay: cells["stay"], Resumed: cells["resumed"] == "true", Pool: cells["pool"],
		JoinedAt: moment("joined_at"), LeftAt: moment("left_at"), Estimated: cells["estimated"] == "true",
		InUse: int(number("in_use")), At: moment("at"), Code: client.Code(cells["code"]), Since: moment("since"),
	}
	return r, errors.Join(faults...)
}
