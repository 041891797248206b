package facade

import (
	"net/http"
	"slices"
	"strings"
	"sync"
)

// requestLog notes the requests that pass it.
type requestLog struct {
	mu   sync.Mutex
	seen []string
}

func (l *requestLog) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		l.mu.Lock()
		l.seen = append(l.seen, request.Method+" "+request.URL.Path)
		l.mu.Unlock()
		return next.RoundTrip(request)
	})
}

// has tells whether a request was made whose path has this part.
func (l *requestLog) has(part string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.seen, func(request string) bool { return strings.Contains(request, part) })
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// during returns the requests that are made while do runs, of which the path names the organization, but not those that fill the cache of its
// Secrets, which takes its own time.
func (l *requestLog) during(organization string, do func()) []string {
	l.mu.Lock()
	before := len(l.seen)
	l.mu.Unlock()
	do()
	l.mu.Lock()
	defer l.mu.Unlock()
	filling := "GET /api/v1/namespaces/" + organization + "/secrets"
	return slices.DeleteFunc(slices.Clone(l.seen[before:]), func(request string) bool {
		return !strings.Contains(request, organization) || request == filling
	})
}

// writes returns those of the requests during do that change something. What the facade reads besides is that its cache is up to date.
func (l *requestLog) writes(organization string, do func()) []string {
	return slices.DeleteFunc(l.during(organization, do), func(request string) bool { return strings.HasPrefix(request, http.MethodGet+" ") })
}
