package license_test

import (
	"slices"
	"strings"
	"testing"

	"seatmeter/shared/license"
	"seatmeter/shared/problem"
)

func TestOriginsAreKeptAsBrowsersWriteThem(t *testing.T) {
	for given, want := range map[string]string{
		"https://meet.example.com":                                 "https://meet.example.com",
		"HTTPS://Meet.Example.COM":                                 "https://meet.example.com",
		"https://meet.example.com:443":                             "https://meet.example.com",
		"https://meet.example.com:8443":                            "https://meet.example.com:8443",
		"https://192.0.2.7":                                        "https://192.0.2.7",
		"https://[2001:DB8:0::1]:8443":                             "https://[2001:db8::1]:8443",
		"https://xn--bcher-kva.example":                            "https://xn--bcher-kva.example",
		"http://localhost:3000":                                    "http://localhost:3000",
		"http://localhost:80":                                      "http://localhost",
		"http://127.0.0.1:8080":                                    "http://127.0.0.1:8080",
		"http://[::1]":                                             "http://[::1]",
		"http://tauri.localhost":                                   "http://tauri.localhost",
		"https://[::ffff:192.0.2.7]":                               "https://[::ffff:c000:207]",
		"https://my_host.example.com":                              "https://my_host.example.com",
		"https://_a_.example":                                      "https://_a_.example",
		"capacitor://localhost":                                    "capacitor://localhost",
		"Tauri://LOCALHOST":                                        "tauri://localhost",
		"ionic://localhost:443":                                    "ionic://localhost:443",
		"ionic://localhost:80":                                     "ionic://localhost:80",
		"http://localhost:443":                                     "http://localhost:443",
		"https://a.example:80":                                     "https://a.example:80",
		"app://-":                                                  "app://-",
		"app://obsidian.md":                                        "app://obsidian.md",
		"com.example.app://localhost":                              "com.example.app://localhost",
		"vscode-webview://0a1b2c":                                  "vscode-webview://0a1b2c",
		"app://[::1]:1420":                                         "app://[::1]:1420",
		"chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb":      "chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb",
		"moz-extension://C9E8B1B0-1a0e-4b0e-8e3e-0123456789ab":     "moz-extension://c9e8b1b0-1a0e-4b0e-8e3e-0123456789ab",
		"safari-web-extension://C9E8B1B0-1A0E-4B0E-8E3E-012345678": "safari-web-extension://c9e8b1b0-1a0e-4b0e-8e3e-012345678",
	} {
		origins, err := license.NewOrigins([]string{given})
		if err != nil || string(origins) != want {
			t.Errorf("%s: %q, %v; want %s", given, origins, err, want)
		}
		if !origins.Allow(given) || !origins.Allow(want) {
			t.Errorf("%s does not allow itself", given)
		}
	}
}

func TestInvalidOriginsAreRefusedByPosition(t *testing.T) {
	for _, text := range []string{
		"", "null", "*", "https://", "https:///", "meet.example.com", "//meet.example.com", "http://meet.example.com", "wss://meet.example.com",
		"https://meet.example.com/", "https://meet.example.com/path", "https://meet.example.com?q", "https://meet.example.com#f",
		"https://ann@meet.example.com", "https://ann:x@meet.example.com", "https://meet.example.com:", "https://meet.example.com:0",
		"https://meet.example.com:65536", "https://meet.example.com:x", "https://*.example.com", "https://meet example.com",
		"https://meet.example.com https://evil.example", "https://meet.example.com,https://evil.example", "https://-a.example",
		"https://a..example", "https://bücher.example", "https://meet.example.com\n", "http://localhost.example.com",
		"https://[meet]", "https://[::1%25eth0]", "https://" + strings.Repeat("a", license.MaxOriginBytes), "file:///", "data:text/html,x",
		"capacitor://", "capacitor:localhost", "capacitor:///", "capacitor://localhost/", "capacitor://localhost?q", "tauri://localhost#f", "tauri://*",
		"chrome-extension://*", "chrome-extension://aap/page.html", "tauri://ann@localhost", "tauri://localhost:0", "tauri://localhost:", "*://localhost", "1a://localhost",
		"file://localhost", "blob://localhost", "data://localhost", "ws://localhost", "about://blank", "javascript://localhost", "tauri://bücher", "https://\u212a.example", "a\u017f://localhost",
		"https://127.1", "https://192.0.2.07", "https://0x7f000001", "https://1.2.3.4.5", "https://a.example.1", "http://127.0.0.1.example.com", "http://192.0.2.7", "https://[192.0.2.7]",
		"http://localhost.evil", "http://evillocalhost", "tauri://local host", "tauri://[x]", "https://[fe80::1%eth0]", "https://a.example.",
	} {
		_, err := license.NewOrigins([]string{"https://ok.example", text})
		if fields := problem.FieldsOf(err); len(fields) != 1 || fields[0].Pointer != "#/allowed_origins/1" {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAnEmptyListIsRefusedAndIsNotNoList(t *testing.T) {
	if _, err := license.NewOrigins([]string{}); len(problem.FieldsOf(err)) != 1 || problem.FieldsOf(err)[0].Pointer != "#/allowed_origins" {
		t.Errorf("an empty list: %v", err)
	}
	if origins, err := license.NewOrigins(nil); err != nil || origins != "" || origins.List() != nil {
		t.Errorf("no list: %q, %v", origins, err)
	}
	if license.Origins(" ").Allow("https://a.example") {
		t.Error("a list without an origin lets a page in")
	}
}

func TestTwentyOriginsAreAllowedAndNoMore(t *testing.T) {
	list := slices.Repeat([]string{"https://a.example"}, license.MaxOrigins)
	if origins, err := license.NewOrigins(list); err != nil || len(origins.List()) != 1 {
		t.Errorf("%q, %v; want it once", origins, err)
	}
	if _, err := license.NewOrigins(append(list, "https://b.example")); err == nil {
		t.Error("one more was taken")
	}
}

func TestAListAllowsItsOriginsAndClientsWithoutOne(t *testing.T) {
	origins, err := license.NewOrigins([]string{"https://meet.example.com", "https://meet.example.com:8443"})
	if err != nil {
		t.Fatal(err)
	}
	for origin, want := range map[string]bool{
		"": true, "https://meet.example.com": true, "https://meet.example.com:8443": true, "HTTPS://MEET.example.com": true,
		"null": false, "https://evil.example": false, "http://meet.example.com": false, "https://meet.example.com:8444": false,
		"https://meet.example.com.evil.example": false, "https://evilmeet.example.com": false, "https://meet.example.co": false,
		"https://meet.example.com https://meet.example.com:8443": false, " ": false,
	} {
		if got := origins.Allow(origin); got != want {
			t.Errorf("%q: %t", origin, got)
		}
	}
	for _, origin := range []string{"", "null", "https://evil.example", "nonsense"} {
		if !license.Origins("").Allow(origin) {
			t.Errorf("without a list %q is refused", origin)
		}
	}
}

func TestALicenseIsValidOnlyWithCanonicalOrigins(t *testing.T) {
	for origins, want := range map[license.Origins][]string{
		"":                                     nil,
		"https://a.example https://b.example":  nil,
		"https://A.example":                    {"#/allowed_origins"},
		"https://a.example  https://b.example": {"#/allowed_origins"},
		"https://a.example nonsense":           {"#/allowed_origins/1"},
		" ":                                    {"#/allowed_origins"},
	} {
		l := concurrent()
		l.AllowedOrigins = origins
		if got := faults(t, l); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", origins, got, want)
		}
	}
}

func TestEverybodyCountsTheSeatsOfAllPools(t *testing.T) {
	l := named()
	if got := l.Everybody(); got != 5*26 {
		t.Errorf("5 x 25: %d", got)
	}
	l.Overage, l.Burst = license.OverageAllow, 5
	if got := l.Everybody(); got != 5*31 {
		t.Errorf("5 x 25 with a burst of 5: %d", got)
	}
	if got := concurrent().Everybody(); got != 25 {
		t.Errorf("25: %d", got)
	}
}
