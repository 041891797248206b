package facade

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// TestDocumentationIsNegotiated says that a client gets the contract in the form that it asks for.
func TestDocumentationIsNegotiated(t *testing.T) {
	const html, document = "text/html; charset=utf-8", "application/json"
	for accept, want := range map[string]string{
		"":                                  html,
		"*/*":                               html,
		"application/json":                  document,
		"application/json, text/plain, */*": document,
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": html,
		"image/png": html,
	} {
		for _, path := range []string{"/api", "/api/"} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, suite.url+path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			if accept != "" {
				request.Header.Set("Accept", accept)
			}
			response, err := suite.client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			if got := response.Header.Get("Content-Type"); got != want || response.Header.Get("Vary") != "Accept" {
				t.Errorf("%s for %q is %s, want %s", path, accept, got, want)
			}
			if want == document && json.NewDecoder(response.Body).Decode(&map[string]any{}) != nil {
				t.Errorf("%s for %q is no JSON", path, accept)
			}
			_ = response.Body.Close()
		}
	}
	if page := string(call(t, "", http.MethodGet, "/api/", nil).body); !strings.Contains(page, "https://berth.example.com/api/") {
		t.Error("the examples don't call the platform")
	}
}
