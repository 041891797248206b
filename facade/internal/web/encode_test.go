package web

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/facade/internal/wire"
)

// answered serves one request with a handler over HTTP, and returns the answer and how it was read.
func answered(t *testing.T, h Handler) (status int, body string, err error) {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.GET("/", Handle(http.StatusOK, h))
	server := httptest.NewServer(engine)
	t.Cleanup(server.Close)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/?page_size=10", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return response.StatusCode, string(content), err
}

func TestEncodePage(t *testing.T) {
	large := strings.Repeat("<ü>", 30<<10)
	cases := map[string][]string{
		"None": {}, "One": {"a"}, "Some": {"a", "b&c", `"`}, "Large": {large, large, large},
	}
	for name, items := range cases {
		t.Run(name, func(t *testing.T) {
			_, body, _ := answered(t, func(c *gin.Context) (any, error) {
				request, err := ParsePage(c.Request)
				return EncodePage(request, 200, withoutErrors(items)), err
			})
			var got wire.Page[string]
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(items, got.Results); diff != "" || got.Count != 200 || got.Next == nil || got.Previous != nil {
				t.Errorf("count %d, next %v, results (-want +got):\n%.500s", got.Count, got.Next, diff)
			}
			if strings.Contains(body, `\u003c`) || !strings.Contains(body, "?page=2&page_size=10") {
				t.Errorf("the answer is escaped for HTML, which no other is: %.200s", body)
			}
		})
	}
}

func withoutErrors(items []string) func(func(string, error) bool) {
	return func(yield func(string, error) bool) {
		for _, item := range items {
			if !yield(item, nil) {
				return
			}
		}
	}
}

// What fails before anything was sent is an ordinary error; afterwards, the client sees that the answer was cut off.
func TestEncodePageThatFails(t *testing.T) {
	failing := func(items ...string) Handler {
		return func(c *gin.Context) (any, error) {
			request, err := ParsePage(c.Request)
			return EncodePage(request, 200, func(yield func(string, error) bool) {
				withoutErrors(items)(yield)
				yield("", errors.New("the cluster is away"))
			}), err
		}
	}
	early, body, _ := answered(t, failing("a"))
	if early != http.StatusInternalServerError || !strings.Contains(body, "detail") || strings.Contains(body, "results") {
		t.Errorf("an early failure is answered with %d %s", early, body)
	}
	late, _, err := answered(t, failing(strings.Repeat("a", 2*HeldBack)))
	if late != http.StatusOK || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a late failure ends with %d, %v, want an answer that is cut off", late, err)
	}
}

// TestEncodeHead says that no more of an answer to HEAD is encoded than its headers need, which are those of GET.
func TestEncodeHead(t *testing.T) {
	for name, tc := range map[string]struct{ size, encoded int }{
		"Small": {size: 100, encoded: 20}, "Large": {size: HeldBack, encoded: 1}, "Pieces": {size: HeldBack / 4, encoded: 4},
	} {
		t.Run(name, func(t *testing.T) {
			gin.SetMode(gin.ReleaseMode)
			encoded := 0
			engine := gin.New()
			engine.GET("/", Handle(http.StatusOK, func(c *gin.Context) (any, error) {
				request, err := ParsePage(c.Request)
				return EncodePage(request, 20, func(yield func(string, error) bool) {
					for range 20 {
						encoded++
						if !yield(strings.Repeat("a", tc.size), nil) {
							return
						}
					}
				}), err
			}))
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodHead {
					r = r.WithContext(WithoutBody(r.Context()))
					r.Method = http.MethodGet
				}
				engine.ServeHTTP(w, r)
			}))
			t.Cleanup(server.Close)
			lengths := map[string]int64{}
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				encoded = 0
				request, err := http.NewRequestWithContext(t.Context(), method, server.URL, http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				response, err := http.DefaultClient.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, response.Body); err != nil {
					t.Fatal(err)
				}
				_ = response.Body.Close()
				if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != typeJSONAnswer {
					t.Errorf("%s: got %s, %v", method, response.Status, response.Header)
				}
				lengths[method] = response.ContentLength
			}
			if lengths[http.MethodHead] != lengths[http.MethodGet] || encoded != tc.encoded {
				t.Errorf("%d items are encoded for HEAD, want %d; lengths: %v", encoded, tc.encoded, lengths)
			}
		})
	}
}
