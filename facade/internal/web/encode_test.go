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
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, http.NoBody)
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
			if strings.Contains(body, `\u003c`) {
				t.Error("the answer is escaped for HTML, which no other is")
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
	late, _, err := answered(t, failing(strings.Repeat("a", 2*heldBack)))
	if late != http.StatusOK || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a late failure ends with %d, %v, want an answer that is cut off", late, err)
	}
}
