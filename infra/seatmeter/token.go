package main

import (
	"errors"
	"fmt"
	"time"

	"seatmeter/infra/local/issuer"
	"seatmeter/shared/tenant"
)

// tokenLifetime is a working day.
const tokenLifetime = 12 * time.Hour

type tokenCommand struct {
	dataFlag

	Role   string `required:"" enum:"vendor,tenant_admin,finance,server" help:"Who the bearer is: vendor, tenant_admin, finance or server."`
	Tenant string `placeholder:"TENANT" help:"The tenant that a tenant_admin, or finance or a server, is bound to."`
}

// Help is the command's longer help.
func (tokenCommand) Help() string {
	return "The bearer is signed with the key in the data directory and holds for 12 hours. It can be had before the stack runs, and while it does."
}

// Validate runs before Run.
func (c tokenCommand) Validate() error {
	switch {
	case c.Role == "tenant_admin" && c.Tenant == "":
		return errors.New("--role tenant_admin needs --tenant")
	case c.Role == "vendor" && c.Tenant != "":
		return errors.New("--tenant goes with --role tenant_admin, finance or server: a vendor is of all tenants")
	case c.Tenant != "" && !tenant.IsID(c.Tenant):
		return fmt.Errorf("--tenant is no tenant's id: %q", c.Tenant)
	}
	return nil
}

// Run prints the bearer.
func (c tokenCommand) Run() error {
	dir, err := c.dir()
	if err != nil {
		return err
	}
	bearer, err := mint(dir, c.Role, c.Tenant)
	if err != nil {
		return err
	}
	fmt.Println(bearer)
	return nil
}

func mint(dataDir, role, tenant string) (string, error) {
	keys, err := issuer.Open(dataDir)
	if err != nil {
		return "", err
	}
	return keys.Mint(role, tenant, tokenLifetime, time.Now())
}
