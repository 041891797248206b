package facade

import (
	"net/http"
	"strings"
	"testing"
)

// TestOtherSites says that the page of another site can't use the key that a browser remembers.
func TestOtherSites(t *testing.T) {
	org, key := organization(t)
	slug := "sites-" + strings.TrimPrefix(org, "org-")
	call(t, key, http.MethodPost, appsPath(org), map[string]any{"slug": slug, "location": "example.com/a"}).want(t, http.StatusCreated)
	cases := map[string]struct {
		method string
		header http.Header
		want   int
	}{
		"NoBrowser":  {method: http.MethodPost, want: http.StatusCreated},
		"SameSite":   {method: http.MethodPost, header: http.Header{"Origin": {suite.url}, "Sec-Fetch-Site": {"same-origin"}}, want: http.StatusCreated},
		"OtherSite":  {method: http.MethodPost, header: http.Header{"Sec-Fetch-Site": {"cross-site"}}, want: http.StatusForbidden},
		"OldBrowser": {method: http.MethodPost, header: http.Header{"Origin": {"https://www.example.com"}}, want: http.StatusForbidden},
		"Reading":    {method: http.MethodGet, header: http.Header{"Sec-Fetch-Site": {"cross-site"}}, want: http.StatusOK},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), tc.method, suite.url+appPath(org, slug), http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			if tc.header != nil {
				request.Header = tc.header
			}
			request.SetBasicAuth(key, "")
			response, err := suite.client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if response.StatusCode != tc.want {
				t.Errorf("got %d, want %d", response.StatusCode, tc.want)
			}
		})
	}
}
