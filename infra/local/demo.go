package local

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"seatmeter/infra/client"
	"seatmeter/infra/local/history"
	"seatmeter/shared/license"
)

// demoHosts is globex's limit on hosts and how many it gets. demoSeats is acme's
// limit, and globex's limit in each conference.
const (
	demoHosts = 5
	demoSeats = 25
)

// writeHistory writes the demo tenants' history, if it is wanted and they have none.
func (s *Stack) writeHistory(ctx context.Context, state database) error {
	if !s.options.Demo || !s.options.History {
		return nil
	}
	const seed = 1
	fmt.Fprintln(s.options.Progress, "Making three months of history for the demo tenants, unless they are there already.")
	for _, l := range []license.License{
		{Tenant: "acme", Model: license.ModelConcurrent, Seats: demoSeats},
		{
			Tenant: "globex", Model: license.ModelNamed, Hosts: demoHosts, ParticipantsPerConference: demoSeats,
			HostChangesPerMonth: demoHosts,
		},
	} {
		l.ReconnectGraceSeconds, l.HostAbsentMinutes = license.DefaultReconnectGraceSeconds, license.DefaultHostAbsentMinutes
		l.ChangedBy = "vendor" // as a bearer of scripts/token has it
		if err := history.Write(ctx, history.Tables{API: state.api, Names: state.names}, l.WithDefaults(), seed, time.Now()); err != nil {
			return fmt.Errorf("make a past for %s: %w", l.Tenant, err)
		}
	}
	return nil
}

// seedDemo gives the demo tenants a license and hosts, if they have none.
func seedDemo(ctx context.Context, vendor *client.Admin) error {
	if err := seedLicense(ctx, vendor, "acme", client.Concurrent(demoSeats)); err != nil {
		return err
	}
	if err := seedLicense(ctx, vendor, "globex", client.Named(demoHosts, demoSeats)); err != nil {
		return err
	}
	present, err := vendor.Hosts(ctx, "globex", client.Paging{Limit: 1})
	if err != nil {
		return fmt.Errorf("read the hosts of globex: %w", err)
	}
	if len(present.Items) > 0 {
		return nil
	}
	for i := 1; i <= demoHosts; i++ {
		host := client.Host{Email: fmt.Sprintf("host%d@globex.example", i), Name: fmt.Sprintf("Host %d", i)}
		if _, err := vendor.CreateHost(ctx, "globex", host); err != nil {
			return fmt.Errorf("register a host of globex: %w", err)
		}
	}
	return nil
}

func seedLicense(ctx context.Context, vendor *client.Admin, tenant string, l client.License) error {
	_, err := vendor.License(ctx, tenant)
	if err == nil {
		return nil
	}
	if p, ok := errors.AsType[*client.Problem](err); !ok || p.Status != http.StatusNotFound {
		return fmt.Errorf("read the license of %s: %w", tenant, err)
	}
	if _, err := vendor.PutLicense(ctx, tenant, l); err != nil {
		return fmt.Errorf("license %s: %w", tenant, err)
	}
	return nil
}
