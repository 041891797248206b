package ecr

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/berth-dev/berth/internal/testing/testaws"
)

// mounted writes what Kubernetes mounts into a Pod to say who its ServiceAccount is, and returns the file.
func mounted(t *testing.T, token string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// newAgent is the agent of EKS Pod Identity on a node. It gives the platform's key to whoever shows the token of the ServiceAccount, unless a
// status says that it is to fail.
func newAgent(t *testing.T, status int) *httptest.Server {
	t.Helper()
	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case status != 0:
			http.Error(w, "try again", status)
			return
		case r.Header.Get("Authorization") != testaws.WebIdentityToken:
			http.Error(w, "no such association", http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{
			"AccessKeyId": testaws.AccessKeyID, "SecretAccessKey": testaws.SecretAccessKey, "Token": "",
			"Expiration": time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
		})
	}))
	t.Cleanup(agent.Close)
	return agent
}

// irsa gives the platform its role by what Kubernetes says of its ServiceAccount. The SDK asks STS for it without the endpoint of all services.
func irsa(t *testing.T, w *world, token string) {
	t.Helper()
	t.Setenv("AWS_ENDPOINT_URL_STS", w.url)
	t.Setenv("AWS_ROLE_ARN", testaws.PlatformRole)
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", mounted(t, token))
	t.Setenv("AWS_REGION", "eu-central-1")
}

// podIdentity gives the platform its key by an agent.
func podIdentity(t *testing.T, token string, status int) {
	t.Helper()
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", newAgent(t, status).URL)
	t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", mounted(t, token))
}

// TestIdentityOfAServiceAccount gives the platform its identity as EKS does, in both ways.
func TestIdentityOfAServiceAccount(t *testing.T) {
	const right, other = testaws.WebIdentityToken, "of-another-service-account"
	cases := map[string]struct {
		identify func(t *testing.T, w *world)
		fault    testaws.Fault
		// want is nil if there is a token.
		want *Error
	}{
		"IRSA": {identify: func(t *testing.T, w *world) { t.Helper(); irsa(t, w, right) }},
		"IRSAOfOther": {
			identify: func(t *testing.T, w *world) { t.Helper(); irsa(t, w, other) },
			want:     &Error{Kind: NoIdentity, Said: "AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity"},
		},
		"IRSAWithoutSTS": {
			identify: func(t *testing.T, w *world) { t.Helper(); irsa(t, w, right) },
			fault:    testaws.Fault{Action: testaws.AssumeRoleWithWebIdentity, Times: 100, Status: http.StatusServiceUnavailable, Code: "Unavailable"},
			want:     &Error{Kind: Unavailable, Said: "Unavailable: This is what the test asks for."},
		},
		"PodIdentity": {identify: func(t *testing.T, _ *world) { t.Helper(); podIdentity(t, right, 0) }},
		"PodIdentityOfOther": {
			identify: func(t *testing.T, _ *world) { t.Helper(); podIdentity(t, other, 0) },
			want:     &Error{Kind: NoIdentity, Said: "no such association"},
		},
		"PodIdentityThatFails": {
			identify: func(t *testing.T, _ *world) { t.Helper(); podIdentity(t, right, http.StatusInternalServerError) },
			want:     &Error{Kind: Unavailable, Said: "try again"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tc.fault)
			t.Setenv("AWS_ACCESS_KEY_ID", "")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "")
			tc.identify(t, w)
			_, err := w.get(t, time.Time{})
			if diff := cmp.Diff(tc.want, err, cmpopts.IgnoreFields(Error{}, "RetryAfter")); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			asked := slices.ContainsFunc(w.aws.Calls(), func(c testaws.Call) bool { return c.Action == testaws.AssumeRole })
			if asked != (tc.want == nil) {
				t.Errorf("AWS was asked for the customer's role: %t", asked)
			}
		})
	}
}
