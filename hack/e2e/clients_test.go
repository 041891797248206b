package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// caller sends one request after the other to the facade, to see whether anybody would have noticed a change.
type caller struct {
	name string
	// pause comes after each request. Without one, a request is for as long as the facade's Pod: there may be none that has ended.
	pause  time.Duration
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu       sync.Mutex
	sent     int
	failures []error
}

// callPause keeps a caller below what the facade allows a key.
const callPause = 50 * time.Millisecond

// callAll begins to call the facade in each way in which clients do: over HTTP/1.1 and HTTP/2, on connections that are kept and on new ones,
// reading and writing what restarts no Pod, each with a key of its own and an App.
func callAll(t *testing.T, organization string) []*caller {
	t.Helper()
	kept2, kept1, fresh := transport(t), transport(t), transport(t)
	kept2.ForceAttemptHTTP2, fresh.DisableKeepAlives = true, true
	var all []*caller
	for name, tr := range map[string]*http.Transport{"kept HTTP/2": kept2, "kept HTTP/1.1": kept1, "new": fresh} {
		client := managerOf(t, organization, "tests@example.test")
		slug := "roll-" + strings.ToLower(strings.NewReplacer("/", "", " ", "", ".", "").Replace(name))
		client.call(t, http.MethodPost, "", map[string]any{"slug": slug, "location": push(t, "roll:v1")}, http.StatusCreated, nil)
		path := berth.Env.URL + "/api/containers/" + organization + "/apps/" + slug + "/"
		all = append(all,
			call(t, name+", reads", callPause, func(ctx context.Context, _ int) error { return client.exchange(ctx, tr, http.MethodGet, path, "") }),
			call(t, name+", writes", callPause, func(ctx context.Context, n int) error {
				return client.exchange(ctx, tr, http.MethodPut, path, fmt.Sprintf(`{"dataset": %q}`, []string{"testing", "production"}[n%2]))
			}),
			call(t, name+", follows a log", 0, func(ctx context.Context, _ int) error {
				return client.exchange(ctx, tr, http.MethodGet, path+"logs/?follow=true&tail=0", "")
			}))
	}
	return all
}

// transport has connections of its own, and trusts the authorities of these files; without any, those that HTTPClient does.
func transport(t *testing.T, authorities ...string) *http.Transport {
	t.Helper()
	made, err := berth.HTTPClient(authorities...)
	if err != nil {
		t.Fatal(err)
	}
	own, ok := made.Transport.(*http.Transport)
	if !ok {
		t.Fatalf("the client's transport is a %T", made.Transport)
	}
	t.Cleanup(own.CloseIdleConnections)
	return own
}

// exchange makes one request and reads all of its answer.
func (c *restClient) exchange(ctx context.Context, by *http.Transport, method, address, body string) error {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.SetBasicAuth(c.key, "")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := by.RoundTrip(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %s: %s", res.Status, answer)
	}
	return err
}

// call sends requests until the caller is told to stop; n counts them.
func call(t *testing.T, name string, pause time.Duration, send func(ctx context.Context, n int) error) *caller {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	c := &caller{name: name, pause: pause, cancel: cancel}
	c.done.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			c.count(ctx, send(ctx, n))
			time.Sleep(pause)
		}
	})
	t.Cleanup(func() {
		cancel()
		c.done.Wait()
	})
	return c
}

// count counts a request, but the one that the caller's end has cut off.
func (c *caller) count(ctx context.Context, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	c.sent++
	if err != nil {
		c.failures = append(c.failures, err)
	}
}

// mustNotHaveNoticed says what the callers have sent so far, and fails the test if any of it failed or somebody sent too little to tell.
func mustNotHaveNoticed(t *testing.T, what string, all []*caller) {
	t.Helper()
	sent, failed := 0, 0
	for _, c := range all {
		c.mu.Lock()
		t.Logf("%s: %s: %d sent, %d failed", what, c.name, c.sent, len(c.failures))
		sent, failed = sent+c.sent, failed+len(c.failures)
		if len(c.failures) > 0 {
			t.Errorf("%s: the first failure of %q: %v", what, c.name, c.failures[0])
		}
		if c.sent == 0 && c.pause > 0 {
			t.Errorf("%s: %q has sent nothing", what, c.name)
		}
		c.sent, c.failures = 0, nil
		c.mu.Unlock()
	}
	t.Logf("%s: %d requests sent, %d failed", what, sent, failed)
}
