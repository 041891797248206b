// Package fault makes requests to an API server fail in ways of a test's choice.
package fault

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
)

// Mode is how a request fails.
type Mode int

const (
	// Unsent is a request that never reaches the server.
	Unsent Mode = iota
	// Unanswered is a request that the server does, and whose answer never arrives.
	Unanswered
)

// errUnsent and errUnanswered are what the network says in the two cases.
var (
	errUnsent     = syscall.ECONNREFUSED
	errUnanswered = io.ErrUnexpectedEOF
)

// RoundTripper is a function that is an http.RoundTripper.
type RoundTripper func(*http.Request) (*http.Response, error)

// RoundTrip calls the function.
func (f RoundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// fail lets a request fail.
func fail(next http.RoundTripper, r *http.Request, mode Mode) error {
	if mode == Unsent {
		closeBody(r)
		return errUnsent
	}
	response, err := next.RoundTrip(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return errors.Join(errUnanswered, err, response.Body.Close())
}

// closeBody does what a transport has to do with a request that it refuses.
func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}

// Death says at which of its writes for an organization a client dies.
type Death struct {
	// At is the number of the write, from 1 on; 0 for none.
	At int
	// Mode is how this write fails.
	Mode Mode
	// Survives means that only this write fails, and the client goes on.
	Survives bool
}

// Deaths let one client die many deaths: for each organization, at another of its writes. For one that it has died for, it writes nothing more.
// The zero value is ready to use; a client dies nowhere until Plan says so.
type Deaths struct {
	mu    sync.Mutex
	lives map[string]*life
}

// life is what a client has done for one organization.
type life struct {
	death  Death
	writes []string
	hit    bool
}

// Plan says how the client dies for an organization, and begins to count its writes from 1 on.
func (d *Deaths) Plan(organization string, death Death) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lives == nil {
		d.lives = map[string]*life{}
	}
	d.lives[organization] = &life{death: death}
}

// Writes are those that the client has begun for an organization, each as its method and path.
func (d *Deaths) Writes(organization string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if l := d.lives[organization]; l != nil {
		return append([]string{}, l.writes...)
	}
	return nil
}

// Hit tells whether the client has come to the write that fails.
func (d *Deaths) Hit(organization string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lives[organization] != nil && d.lives[organization].hit
}

// Wrap is for rest.Config.Wrap.
func (d *Deaths) Wrap(next http.RoundTripper) http.RoundTripper {
	return RoundTripper(func(r *http.Request) (*http.Response, error) {
		if mode, fails := d.meet(r); fails {
			return nil, fail(next, r, mode)
		}
		return next.RoundTrip(r)
	})
}

// meet counts a request and says whether, and how, it fails.
func (d *Deaths) meet(r *http.Request) (Mode, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.lives[Organization(r)]
	if l == nil || !IsWrite(r) {
		return Unsent, false
	}
	if l.hit && !l.death.Survives {
		return Unsent, true
	}
	l.writes = append(l.writes, r.Method+" "+r.URL.Path)
	if len(l.writes) != l.death.At {
		return Unsent, false
	}
	l.hit = true
	return l.death.Mode, true
}

// Organization is the Namespace that a request is about or in; empty if none.
func Organization(r *http.Request) string {
	_, after, _ := strings.Cut(r.URL.Path, "/namespaces/")
	name, _, _ := strings.Cut(after, "/")
	return name
}

// IsWrite tells whether a request changes what a client is there to change. Events are only words about it, and Leases about the client.
func IsWrite(r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return false
	}
	for _, about := range []string{"/events", "/leases", "reviews"} {
		if strings.Contains(r.URL.Path, about) {
			return false
		}
	}
	return true
}

// IsWatch tells whether the answer to a request goes on for ever.
func IsWatch(r *http.Request) bool { return r.URL.Query().Get("watch") != "" }
