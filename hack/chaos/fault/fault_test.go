package fault

import (
	"bufio"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// served starts a server that counts what reaches it.
func served(t *testing.T) (url string, reached *[]string) {
	t.Helper()
	reached = &[]string{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		*reached = append(*reached, r.URL.Path)
	}))
	t.Cleanup(server.Close)
	return server.URL, reached
}

// ask sends a request, and tells whether it was answered.
func ask(t *testing.T, through http.RoundTripper, method, url string) bool {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := through.RoundTrip(r)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil
}

func TestDeaths(t *testing.T) {
	cases := map[string]struct {
		death    Death
		answered []bool
		reached  []string
	}{
		"Immortal":   {Death{}, []bool{true, true, true}, []string{"1", "2", "3"}},
		"Unsent":     {Death{At: 2}, []bool{true, false, false}, []string{"1"}},
		"Unanswered": {Death{At: 2, Mode: Unanswered}, []bool{true, false, false}, []string{"1", "2"}},
		"Survives":   {Death{At: 2, Mode: Unanswered, Survives: true}, []bool{true, false, true}, []string{"1", "2", "3"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			url, reached := served(t)
			deaths := &Deaths{}
			through := deaths.Wrap(http.DefaultTransport)
			deaths.Plan("acme", tc.death)
			var answered []bool
			for _, name := range []string{"1", "2", "3"} {
				answered = append(answered, ask(t, through, http.MethodPatch, url+"/api/v1/namespaces/acme/secrets/"+name))
				for _, free := range []string{"/api/v1/namespaces/other/secrets/x", "/apis/events.k8s.io/v1/namespaces/acme/events/x"} {
					if !ask(t, through, http.MethodPatch, url+free) || !ask(t, through, http.MethodGet, url+"/api/v1/namespaces/acme/secrets") {
						t.Error("what isn't a write for the organization fails")
					}
				}
			}
			if diff := cmp.Diff(tc.answered, answered); diff != "" {
				t.Errorf("answered (-want +got):\n%s", diff)
			}
			var got []string
			for _, path := range *reached {
				if name, ok := strings.CutPrefix(path, "/api/v1/namespaces/acme/secrets/"); ok {
					got = append(got, name)
				}
			}
			if diff := cmp.Diff(tc.reached, got); diff != "" {
				t.Errorf("reached the server (-want +got):\n%s", diff)
			}
		})
	}
}

// Every request of many that fail by chance either is answered or not, and as many fail as are counted.
func TestFailures(t *testing.T) {
	url, reached := served(t)
	f := &Failures{Chance: rand.New(rand.NewPCG(1, 2)), Rate: 0.5}
	through := f.Wrap(http.DefaultTransport)
	for range 20 {
		ask(t, through, http.MethodPatch, url+"/api/v1/namespaces/acme/secrets/x")
	}
	if f.Made() != 0 || len(*reached) != 20 {
		t.Errorf("%d requests fail before they are to", f.Made())
	}
	f.Enable(true)
	for range 200 {
		ask(t, through, http.MethodPatch, url+"/api/v1/namespaces/acme/secrets/x")
	}
	if f.Made() < 60 || f.Made() > 140 || len(*reached) == 220 {
		t.Errorf("%d of 200 requests fail, and %d reach the server", f.Made(), len(*reached)-20)
	}
}

func TestCuts(t *testing.T) {
	left := make(chan string, 3)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "first\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		left <- r.URL.Path
	}))
	t.Cleanup(server.Close) // After the watches have ended, for which it waits.
	cuts := &Cuts{}
	through := cuts.Wrap(http.DefaultTransport)
	var open []*bufio.Reader
	for _, name := range []string{"/1", "/2", "/3"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+name+"?watch=true", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := through.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = response.Body.Close() })
		lines := bufio.NewReader(response.Body)
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		open = append(open, lines)
	}
	asked := 0
	second := func() bool { asked++; return asked == 2 }
	cuts.Cut(second)
	if _, err := open[1].ReadString('\n'); err == nil || cuts.Made() != 1 {
		t.Errorf("the second watch goes on; %d were cut", cuts.Made())
	}
	if got := <-left; got != "/2" || asked != 3 {
		t.Errorf("the watch that ended is %s, want the second of those in order; %d were asked for, want 3", got, asked)
	}
	cuts.Cut(func() bool { asked++; return false })
	if asked != 5 {
		t.Errorf("%d watches were asked for after the cut, want 2", asked-3)
	}
}

// A watch that goes on ends when a gap begins, and none begins until it ends; other requests do.
func TestGaps(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		if IsWatch(r) {
			<-r.Context().Done()
		}
	}))
	t.Cleanup(server.Close) // After the watches have ended, for which it waits.
	gaps := &Gaps{}
	through := gaps.Wrap(http.DefaultTransport)
	status := func(path string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := through.RoundTrip(r)
		if err != nil {
			return 0
		}
		t.Cleanup(func() { _ = response.Body.Close() })
		return response.StatusCode
	}
	const watch, list = "/pods?watch=true", "/pods"
	got := []int{status(watch)}
	gaps.Begin()
	got = append(got, status(watch), status(list))
	gaps.End()
	got = append(got, status(watch))
	if diff := cmp.Diff([]int{200, 0, 200, 200}, got); diff != "" {
		t.Errorf("answers before, during and after a gap (-want +got):\n%s", diff)
	}
	if gaps.Made() != 1 {
		t.Errorf("%d watches were cut, want 1", gaps.Made())
	}
}
