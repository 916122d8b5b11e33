package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"seatmeter/functions/internal/environment"
	"seatmeter/functions/internal/secret"
	"seatmeter/shared/keys"
)

const variable = "TEST_SECRET_ID"

// values is Secrets Manager's GetSecretValue, of one secret, by the label of a version.
type values map[string]string

func (v values) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct{ SecretId, VersionStage string }
	err := json.NewDecoder(r.Body).Decode(&in)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	value, known := v[in.VersionStage]
	if err != nil || in.SecretId != "the-secret" || !known {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"__type":"ResourceNotFoundException"}`)
		return
	}
	fmt.Fprintf(w, `{"SecretString":%q}`, value)
}

func open(t *testing.T, v values) *keys.Ring {
	t.Helper()
	server := httptest.NewServer(v)
	t.Cleanup(server.Close)
	t.Setenv(variable, "the-secret")
	env := &environment.Environment{AWS: aws.Config{
		Region: "local", BaseEndpoint: aws.String(server.URL), Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
	}}
	ring, err := secret.Ring(t.Context(), env, variable)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func key(letter string) string { return strings.Repeat(letter, keys.MinLength) }

func good(t *testing.T, ring *keys.Ring, letter string) bool {
	t.Helper()
	found, err := ring.Find(t.Context(), func(k keys.Key) bool { return bytes.Equal(k.Secret, []byte(key(letter))) })
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestRing_FollowsTheLabelsOfASecretsVersions(t *testing.T) {
	v := values{"AWSCURRENT": key("a")}
	ring := open(t, v)
	if !good(t, ring, "a") || good(t, ring, "x") {
		t.Error("want the only key, and no other")
	}
	v["AWSCURRENT"], v["AWSPREVIOUS"] = key("b"), key("a")
	ring = open(t, v)
	if !good(t, ring, "b") || !good(t, ring, "a") {
		t.Error("want the current key, and the one before")
	}
}
