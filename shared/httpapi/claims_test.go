package httpapi_test

import (
	"testing"

	"github.com/aws/aws-lambda-go/lambda"

	"seatmeter/shared/httpapi"
)

// With other names, the usual ones say nothing: an issuer may use them for itself.
func TestClaimsOfOtherNamesHaveTheRoleAndTheTenant(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 2)
	w.concurrent("globex", 2)
	api := httpapi.New(w.config())
	api.AddLicenses(w.door.Licensing, w.door.Reader, w.store)
	handler := lambda.NewHandler(httpapi.Claims{Role: "cognito:groups", Tenant: "custom:tenant"}.Serve(api))
	status := func(of string, claims map[string]any) int {
		event := w.event(caller{role: "vendor"}, "GET", "/v1/tenants/"+of+"/license", "")
		event["requestContext"].(map[string]any)["authorizer"].(map[string]any)["jwt"].(map[string]any)["claims"] = claims
		return invoke(t.Context(), t, handler, event).status
	}
	for name, c := range map[string]struct {
		tenant string
		claims map[string]any
		status int
	}{
		"its own":         {"acme", map[string]any{"sub": "ann", "cognito:groups": "[tenant_admin]", "custom:tenant": "acme"}, 200},
		"another's":       {"globex", map[string]any{"sub": "ann", "cognito:groups": "[tenant_admin]", "custom:tenant": "acme"}, 404},
		"bound finance":   {"globex", map[string]any{"sub": "fin", "cognito:groups": "finance", "custom:tenant": "acme"}, 404},
		"a vendor":        {"globex", map[string]any{"sub": "vic", "cognito:groups": "[vendor]"}, 200},
		"the usual names": {"acme", map[string]any{"sub": "eve", "role": "vendor", "tenant": "acme"}, 403},
		"both names":      {"globex", map[string]any{"sub": "ann", "cognito:groups": "tenant_admin", "custom:tenant": "acme", "tenant": "globex", "role": "vendor"}, 404},
	} {
		if got := status(c.tenant, c.claims); got != c.status {
			t.Errorf("%s: answered %d, want %d", name, got, c.status)
		}
	}
}
