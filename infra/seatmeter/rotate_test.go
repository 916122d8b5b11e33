package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// versioned is a secret of Secrets Manager whose current version has an age.
type versioned struct {
	age time.Duration
	put []string
}

func (v *versioned) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	switch r.Header.Get("X-Amz-Target") {
	case "secretsmanager.ListSecretVersionIds":
		older := `{"VersionStages":["AWSPREVIOUS"],"CreatedDate":1}`
		fmt.Fprintf(w, `{"Versions":[%s,{"VersionStages":["AWSCURRENT"],"CreatedDate":%d}]}`, older, time.Now().Add(-v.age).Unix())
	case "secretsmanager.PutSecretValue":
		var in struct{ SecretString string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		v.put = append(v.put, in.SecretString)
		fmt.Fprint(w, `{}`)
	default:
		http.Error(w, "not permitted", http.StatusBadRequest)
	}
}

func TestRotate_LeavesAKeyUntilItsTokensHaveExpired(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		age  time.Duration
		now  bool
		puts int
	}{
		{"an old key", 26 * time.Hour, false, 1},
		{"a key whose tokens may live", 24 * time.Hour, false, 0},
		{"a leaked key", time.Minute, true, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			v := &versioned{age: test.age}
			server := httptest.NewServer(v)
			defer server.Close()
			client := secretsmanager.NewFromConfig(aws.Config{
				Region: "local", BaseEndpoint: aws.String(server.URL), Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
			})
			var out bytes.Buffer
			err := rotate(t.Context(), client, &out, "the-secret", test.now)
			if (err == nil) != (test.puts == 1) || len(v.put) != test.puts {
				t.Fatalf("%v, having put %d keys, want %d", err, len(v.put), test.puts)
			}
			if err == nil && (len(v.put[0]) < 64 || strings.Contains(out.String(), v.put[0])) {
				t.Errorf("a key of %d characters, told by %q", len(v.put[0]), out.String())
			}
		})
	}
}
