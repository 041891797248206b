package web

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/wire"
)

func TestPage(t *testing.T) {
	const base = "https://api.example.com/api/containers/cowork/apps/"
	type want struct {
		First, End int
		Page       wire.Page[string]
	}
	cases := map[string]struct {
		reason, query string
		total         int
		want          want
	}{
		"Empty":     {reason: "Page 1 is always there.", want: want{}},
		"EmptyLast": {reason: "So the last page is, which is page 1.", query: "?page=last", want: want{}},
		"Only":      {total: 25, want: want{End: 25, Page: wire.Page[string]{Count: 25}}},
		"First":     {total: 26, want: want{End: 25, Page: wire.Page[string]{Count: 26, Next: new(base + "?page=2")}}},
		"Second": {
			reason: "previous to page 1 drops page.", query: "?page=2", total: 26,
			want: want{First: 25, End: 26, Page: wire.Page[string]{Count: 26, Previous: new(base)}},
		},
		"Middle": {
			query: "?page=2", total: 60,
			want: want{First: 25, End: 50, Page: wire.Page[string]{Count: 60, Next: new(base + "?page=3"), Previous: new(base)}},
		},
		"Last": {
			query: "?page=last", total: 60,
			want: want{First: 50, End: 60, Page: wire.Page[string]{Count: 60, Previous: new(base + "?page=2")}},
		},
		"OtherParametersStay": {
			query: "?q=a%26b&page=2&page_size=10", total: 30,
			want: want{
				First: 10,
				End:   20,
				Page:  wire.Page[string]{Count: 30, Next: new(base + "?page=3&page_size=10&q=a%26b"), Previous: new(base + "?page_size=10&q=a%26b")},
			},
		},
		"SizeAtMost100": {
			query: "?page_size=1000",
			total: 101,
			want:  want{End: 100, Page: wire.Page[string]{Count: 101, Next: new(base + "?page=2&page_size=1000")}},
		},
		"SizeNonsense": {query: "?page_size=many", total: 30, want: want{End: 25, Page: wire.Page[string]{Count: 30, Next: new(base + "?page=2&page_size=many")}}},
		"SizeNegative": {query: "?page_size=-5", total: 1, want: want{End: 1, Page: wire.Page[string]{Count: 1}}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/api/containers/cowork/apps/"+tc.query, http.NoBody)
			r.Host = "api.example.com"
			request, err := ParsePage(r)
			if err != nil {
				t.Fatal(err)
			}
			first, end, err := request.Window(tc.total)
			if err != nil {
				t.Fatal(err)
			}
			got := want{First: first, End: end, Page: Page[string](request, tc.total, nil)}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("\n%s\n-want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestPublicLinks says that links lead to the public URL, whatever host a request names.
func TestPublicLinks(t *testing.T) {
	const path = "/api/containers/cowork/apps/?page=2"
	for name, tc := range map[string]struct {
		public *url.URL
		want   string
	}{
		"None":   {want: "https://evil.example.net" + path},
		"Host":   {public: &url.URL{Scheme: "https", Host: "berth.example.com"}, want: "https://berth.example.com" + path},
		"Port":   {public: &url.URL{Scheme: "https", Host: "berth.example.com:8443", Path: "/"}, want: "https://berth.example.com:8443" + path},
		"Prefix": {public: &url.URL{Scheme: "https", Host: "example.com", Path: "/berth/"}, want: "https://example.com/berth" + path},
	} {
		ctx := t.Context()
		if tc.public != nil {
			ctx = WithPublicURL(ctx, tc.public)
		}
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/containers/cowork/apps/", http.NoBody)
		r.Host = "evil.example.net"
		request, err := ParsePage(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := Page[string](request, 26, nil).Next; got == nil || *got != tc.want {
			t.Errorf("%s: got %s, want %s", name, *got, tc.want)
		}
	}
}

func TestBadPage(t *testing.T) {
	for _, query := range []string{"page=0", "page=-1", "page=x", "page=LAST", "page=3", "page=99999999999999999999", "page=9223372036854775807"} {
		t.Run(query, func(t *testing.T) {
			request, err := ParsePage(httptest.NewRequestWithContext(t.Context(), "GET", "/?"+query, http.NoBody))
			if err == nil {
				_, _, err = request.Window(26)
			}
			if e, ok := errors.AsType[*apierr.Error](err); !ok || e.Status != 404 || e.Detail != "Invalid page." {
				t.Errorf("got %v, want the 404 of an invalid page", err)
			}
		})
	}
}
