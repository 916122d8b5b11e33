// Package smoke tries a running Seatmeter by its URLs, wherever it runs: health, a
// license, joins over real sockets, refusals, and the report of all that. It
// makes a tenant of its own, and removes it.
package smoke

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"seatmeter/infra/client"
)

// Target is what is tried.
type Target struct {
	// HTTP and WebSocket are the URLs of the two APIs.
	HTTP, WebSocket string
	// Token is a vendor's bearer.
	Token string
}

// seats is how many the tenant's license has.
const seats = 2

// patience bounds each step, and pause is the time between two looks at what is
// awaited. API Gateway reports the end of a connection within a second or so.
const (
	patience = time.Minute
	pause    = 100 * time.Millisecond
)

// trial is one run.
type trial struct {
	target     Target
	admin      *client.Admin
	tenant     string
	conference string
	tenantMade bool // a license was asked for, with whatever answer
	began      time.Time
	in         []*client.Participant
}

// Run tries the target step by step, and writes a line for each step that passed.
// An error names the step that failed. What was made is removed in any case.
func Run(ctx context.Context, target Target, out io.Writer) (err error) {
	t := &trial{
		target: target, admin: client.NewAdmin(target.HTTP, target.Token),
		tenant: "smoke-" + strings.ToLower(rand.Text()), began: time.Now().Add(-time.Minute),
	}
	defer func() {
		for _, p := range t.in {
			p.Abandon() // left over after a failure
		}
		if !t.tenantMade {
			return
		}
		removing, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		err = errors.Join(err, step(removing, out, "what was made is removed", t.remove))
	}()
	for _, s := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"the HTTP API answers, and asks for a bearer", t.health},
		{"a license of two seats is given", t.license},
		{"two join over a WebSocket", t.join},
		{"a third is refused, and told why", t.refused},
		{"a seat that is given back is taken", t.replaced},
		{"the report has every join and refusal", t.report},
	} {
		if err := step(ctx, out, s.name, s.do); err != nil {
			return err
		}
	}
	return nil
}

func step(ctx context.Context, out io.Writer, name string, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := do(ctx); err != nil {
		return fmt.Errorf("not so: %s: %w", name, err)
	}
	_, err := fmt.Fprintln(out, "ok:", name)
	return err //nolint:wrapcheck // the output's
}

func (t *trial) health(ctx context.Context) error {
	if _, err := t.admin.As("").Do(ctx, http.MethodGet, "/healthz", nil, nil); err != nil {
		return fmt.Errorf("GET /healthz: %w", err)
	}
	_, err := t.admin.As("").Tenants(ctx, client.Paging{Limit: 1})
	if p, ok := errors.AsType[*client.Problem](err); !ok || p.Status != http.StatusUnauthorized {
		return fmt.Errorf("GET /v1/tenants without a bearer was answered by %s, and has to be 401: is the authorizer deployed?", said(err))
	}
	return nil
}

// said is what a call that should have failed was answered.
func said(err error) string {
	if err == nil {
		return "a success"
	}
	return err.Error()
}

func (t *trial) license(ctx context.Context) error {
	t.tenantMade = true
	if _, err := t.admin.PutLicense(ctx, t.tenant, client.Concurrent(seats)); err != nil {
		return fmt.Errorf("put the license of %s: %w", t.tenant, err)
	}
	made, err := t.admin.CreateConference(ctx, t.tenant, client.Conference{Host: "ada@smoke.example", Title: "Smoke test"})
	if err != nil {
		return fmt.Errorf("schedule a conference: %w", err)
	}
	t.conference = made.Conference
	return nil
}

// token makes a join token, whose URL has to name the WebSocket API that is tried.
func (t *trial) token(ctx context.Context, identity string) (string, error) {
	made, err := t.admin.CreateJoinToken(ctx, t.tenant, t.conference, client.JoinRequest{
		Identity: identity + "@smoke.example", Role: client.RoleParticipant,
	})
	if err != nil {
		return "", fmt.Errorf("make a join token: %w", err)
	}
	named, err := url.Parse(made.URL)
	if err != nil {
		return "", errors.New("a join token's URL is none")
	}
	if at, _, _ := strings.Cut(made.URL, "?"); strings.TrimSuffix(at, "/") != strings.TrimSuffix(t.target.WebSocket, "/") {
		return "", fmt.Errorf("join URLs name %s%s, and the WebSocket API is said to be %s", named.Host, named.Path, t.target.WebSocket)
	}
	return made.Token, nil
}

func (t *trial) admit(ctx context.Context, identity string) error {
	token, err := t.token(ctx, identity)
	if err != nil {
		return err
	}
	p, err := client.Dial(ctx, t.target.WebSocket, token, client.DialOptions{})
	if err != nil {
		return err
	}
	t.in = append(t.in, p)
	m, err := p.Ask(ctx, client.ActionStatus)
	if err != nil {
		return err
	}
	if m.Type != client.TypeAdmitted {
		return fmt.Errorf("%s connected, and is told %s %s", identity, m.Type, m.Code)
	}
	return nil
}

func (t *trial) join(ctx context.Context) error {
	for _, identity := range []string{"ada", "bob"} {
		if err := t.admit(ctx, identity); err != nil {
			return err
		}
	}
	return nil
}

// refused tries the handshake, of whose refusal only the status is certain, and the
// lobby, where the reason is told.
func (t *trial) refused(ctx context.Context) error {
	token, err := t.token(ctx, "cid")
	if err != nil {
		return err
	}
	_, err = client.Dial(ctx, t.target.WebSocket, token, client.DialOptions{})
	if r, ok := errors.AsType[*client.Refused](err); !ok || r.Status != http.StatusForbidden {
		return fmt.Errorf("a handshake without a free seat was answered by %s, and has to be 403", said(err))
	}
	lobby, err := client.Dial(ctx, t.target.WebSocket, token, client.DialOptions{Lobby: true})
	if err != nil {
		return err
	}
	defer lobby.Abandon()
	m, err := lobby.Ask(ctx, client.ActionJoin)
	if err != nil {
		return err
	}
	if m.Type != client.TypeRefused || m.Code != client.CodeSeatsExhausted {
		return fmt.Errorf("a join without a free seat was answered by %s %s, and has to be refused with %s", m.Type, m.Code, client.CodeSeatsExhausted)
	}
	return lobby.CloseClean()
}

func (t *trial) replaced(ctx context.Context) error {
	if err := t.in[0].CloseClean(); err != nil {
		return err
	}
	if err := t.await(ctx, func() error { return t.inUse(ctx, seats-1) }); err != nil {
		return err
	}
	return t.admit(ctx, "cid")
}

func (t *trial) inUse(ctx context.Context, want int) error {
	s, err := t.admin.Seats(ctx, t.tenant)
	if err == nil && s.InUse != want {
		err = fmt.Errorf("%d seats are in use, and %d should be", s.InUse, want)
	}
	return err
}

func (t *trial) report(ctx context.Context) error {
	for _, p := range t.in[1:] {
		if err := p.CloseClean(); err != nil {
			return err
		}
	}
	const joins, refusals = seats + 1, 2
	return t.await(ctx, func() error {
		usage, err := t.admin.Usage(ctx, t.tenant, client.UsageQuery{
			From: t.began, To: time.Now().Add(time.Minute), Granularity: client.GranularityTotal,
		})
		if err != nil {
			return err
		}
		if len(usage.Rows) != 1 {
			return fmt.Errorf("a total of %d rows", len(usage.Rows))
		}
		row := usage.Rows[0]
		if row.Joins != joins || row.Refused != refusals || row.Peak != seats || row.Closing != 0 {
			return fmt.Errorf("it has %d joins, %d refused, a peak of %d, and %d that are in; and has to have %d, %d, %d and 0",
				row.Joins, row.Refused, row.Peak, row.Closing, joins, refusals, seats)
		}
		return nil
	})
}

// remove ends the conference, and has the tenant deleted at once, which is done by
// schedule within the hour.
func (t *trial) remove(ctx context.Context) error {
	var err error
	if t.conference != "" {
		_, err = t.admin.EndConference(ctx, t.tenant, t.conference)
	}
	return errors.Join(err, t.admin.DeleteTenant(ctx, t.tenant, 0))
}

// await waits until nothing is missing.
func (t *trial) await(ctx context.Context, missing func() error) error {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		err := missing()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}
