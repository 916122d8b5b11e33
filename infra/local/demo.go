package local

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"seatmeter/infra/client"
)

// demoHosts is both how many hosts globex may have and how many it gets.
const demoHosts = 5

// seedDemo gives the demo tenants what they lack: a tenant with a license
// keeps it, one with hosts keeps those.
func seedDemo(ctx context.Context, vendor *client.Admin) error {
	if err := seedLicense(ctx, vendor, "acme", client.Concurrent(25)); err != nil {
		return err
	}
	if err := seedLicense(ctx, vendor, "globex", client.Named(demoHosts, 25)); err != nil {
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
