package webhook_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"seatmeter/shared/webhook"
)

func TestOnlyAddressesOfThePublicInternetArePublic(t *testing.T) {
	for _, text := range []string{
		"127.0.0.1", "127.255.0.1", "::1", "0.0.0.0", "0.1.2.3", "::", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
		"169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "fc00::1", "100.64.0.1", "100.100.100.200",
		"192.0.0.1", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
		"ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
		"64:ff9b:1::1", "64:ff9c::1", "::ffff:0:7f00:1", "::ffff:0:a9fe:a9fe", "200::1", "4000::1", "2002:7f00:1::", "2001::1", "2001:db8::1", "100::1", "fec0::1", "3fff::1", "5f00::1",
	} {
		if webhook.IsPublic(netip.MustParseAddr(text)) {
			t.Errorf("%s is taken for public", text)
		}
	}
	for _, text := range []string{"93.184.216.34", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:2800:220:1::1", "::ffff:8.8.8.8", "2a00:1450::1"} {
		if !webhook.IsPublic(netip.MustParseAddr(text)) {
			t.Errorf("%s is taken for private", text)
		}
	}
}

func check(t *testing.T, guard webhook.Guard, address string) string {
	t.Helper()
	name, fault := guard.Check(address)
	if name == "" || fault != "" {
		return fault
	}
	return guard.CheckName(t.Context(), name)
}

func TestForbiddenWebhookAddressesAreRefused(t *testing.T) {
	guard := webhook.Guard{Resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
		addresses := map[string][]netip.Addr{
			"public.example.com": {netip.MustParseAddr("93.184.216.34")},
			"inner.example.com":  {netip.MustParseAddr("10.0.0.1")},
			"mixed.example.com":  {netip.MustParseAddr("93.184.216.34"), netip.MustParseAddr("::1")},
		}
		if addresses[host] == nil {
			return nil, errors.New("no such name")
		}
		return addresses[host], nil
	}}
	for _, address := range []string{
		"", "hooks", "//public.example.com/", "http://public.example.com/", "HTTP://public.example.com/", "ftp://public.example.com/", "file:///etc/passwd",
		"https:public.example.com", "https://", "https:///x", "https://user@public.example.com/", "https://user:pass@public.example.com/", "https://public.example.com/#part", "https://public.example.com/#",
		"https://public.example.com:0/", "https://public.example.com:99999/", "https://127.0.0.1/", "https://127.0.0.1:8443/", "https://[::1]/", "https://[fe80::1%25eth0]/",
		"https://[::ffff:127.0.0.1]/", "https://169.254.169.254/latest/meta-data/", "https://[fd00:ec2::254]/", "https://10.1.2.3/", "https://192.168.0.1/",
		"https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://127.1/", "https://0/", "https://localhost/", "https://LOCALHOST/", "https://localhost./", "https://a.localhost/",
		"https://printer.local/", "https://metadata.google.internal/", "https://intranet/", "https://inner.example.com/", "https://INNER.example.com./", "https://mixed.example.com/",
		"https://public..example.com/", "https://.example.com/", "https://exa mple.com/", "https://bücher.example/", "https://\u2460.example.com/", "https://public.example.com\\@evil.example/",
		"https://public.example.com/" + strings.Repeat("x", 2048), "https://public.example.com/\u202e", "https://public.example.com/?q=\u200b", "https://public.example.com/\u0085",
	} {
		if check(t, guard, address) == "" {
			t.Errorf("%q is taken", address)
		}
	}
	for _, address := range []string{
		"https://public.example.com", "https://public.example.com:8443/a/b?c=d", "https://PUBLIC.example.com/", "https://93.184.216.34/", "https://[2606:2800:220:1::1]/",
		"https://xn--bcher-kva.example/", "https://not-there-yet.example.com/",
	} {
		if fault := check(t, guard, address); fault != "" {
			t.Errorf("%q: %s", address, fault)
		}
	}
}

func TestAnInsecureGuardTakesThisMachine(t *testing.T) {
	guard := webhook.NewGuard(true)
	for _, address := range []string{"http://127.0.0.1:8080/hook", "http://localhost/", "https://localhost/"} {
		if fault := check(t, guard, address); fault != "" {
			t.Errorf("%s: %s", address, fault)
		}
	}
	for _, address := range []string{"ftp://localhost/", "http://user@localhost/", "http:///"} {
		if check(t, guard, address) == "" {
			t.Errorf("%s is taken", address)
		}
	}
}

func FuzzCheckedAddressesConnectOnlyToPublicOnes(f *testing.F) {
	for _, seed := range []string{"https://127.1/", "https://[::ffff:a00:1]/", "https://0x7f.1/", "https://a.example.com/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, address string) {
		name, fault := webhook.NewGuard(false).Check(address)
		if name == "" || fault != "" {
			return
		}
		if _, err := netip.ParseAddr(name); err == nil || !strings.Contains(name, ".") {
			t.Errorf("%q would be looked up", name)
		}
	})
}
