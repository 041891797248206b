package web

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const flushTimeout = time.Second

// streamServer serves h with a flusher, in the version of HTTP that the returned client speaks.
func streamServer(t *testing.T, http2 bool, h func(*flusher)) (*http.Client, string) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h(&flusher{writer: w, control: http.NewResponseController(w), timeout: flushTimeout})
	}))
	server.EnableHTTP2 = http2
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Client(), server.URL
}

// get opens a stream; its caller reads or leaves the body, which is closed at the test's end.
func get(t *testing.T, client *http.Client, url string) (proto string, body io.Reader) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response.Proto, response.Body
}

// TestFlusherIdle says that a stream outlasts a time without anything to write.
func TestFlusherIdle(t *testing.T) {
	t.Parallel()
	for version, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2.0": true} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			client, url := streamServer(t, http2, func(f *flusher) {
				_, _ = io.WriteString(f, "before ")
				time.Sleep(2 * flushTimeout)
				_, _ = io.WriteString(f, "after")
			})
			proto, body := get(t, client, url)
			if proto != version {
				t.Fatalf("got %s", proto)
			}
			if got, err := io.ReadAll(body); string(got) != "before after" || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

// TestFlusherStuck says that a client that reads nothing is given up.
func TestFlusherStuck(t *testing.T) {
	t.Parallel()
	for version, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2.0": true} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			gaveUp := make(chan error, 1)
			client, url := streamServer(t, http2, func(f *flusher) {
				var err error
				for text, written := strings.Repeat("x", 1<<20), 0; err == nil && written < 64; written++ {
					_, err = io.WriteString(f, text)
				}
				gaveUp <- err
			})
			get(t, client, url)
			select {
			case err := <-gaveUp:
				if err == nil {
					t.Error("64 MiB were written that nobody read")
				}
			case <-time.After(20 * flushTimeout):
				t.Error("the client is still waited for")
			}
		})
	}
}
