package image

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/berth-dev/berth/internal/egress"
	"github.com/berth-dev/berth/internal/rootcas"
)

const (
	// maxBody and maxManifest are how many bytes of an answer are read. A manifest has some kilobytes, a configuration some dozens. Decoded, they may
	// take a hundred times as much.
	maxBody, maxManifest = 512 << 10, 128 << 10
	// maxHeader is how many bytes the header of an answer may have.
	maxHeader = 64 << 10
	// maxRequests is how many requests may be sent for an image, those for tokens and after redirects included.
	maxRequests = 24
	// connectTimeout bounds a connection with its TLS handshake.
	connectTimeout = 5 * time.Second
	// idleTimeout is for how long a connection is kept for the next App.
	idleTimeout = 15 * time.Second
)

// Mirror is where a registry is asked in place of its own host, as the container runtimes of the nodes may do as well.
type Mirror struct {
	// Host is the registry, HOST[:PORT], as references name it.
	Host string
	// URL is where it is asked: http:// or https:// and a host with an optional port. It may be anywhere.
	URL url.URL
}

// ParseMirror reads HOST[:PORT]=URL.
func ParseMirror(text string) (Mirror, error) {
	host, target, _ := strings.Cut(text, "=")
	u, err := url.Parse(target)
	if err != nil || host == "" || strings.Contains(host, "/") || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" ||
		u.Scheme != "http" && u.Scheme != "https" {
		return Mirror{}, fmt.Errorf("%q is not HOST[:PORT]=URL, such as registry.example.com=http://10.1.2.3:5000", text)
	}
	return Mirror{Host: strings.ToLower(host), URL: url.URL{Scheme: u.Scheme, Host: u.Host}}, nil
}

// Options say how registries are asked.
type Options struct {
	// Authorities are certificates, PEM, that those of registries may be signed by in addition to the system's. May be empty.
	Authorities []byte
	// Networks are private networks in which registries may be; Denied are public ones in which they may not be.
	Networks, Denied []netip.Prefix
	// Platform returns the networks of the platform at the moment, in which registries may not be either. Nil: there are none.
	Platform func(ctx context.Context) ([]netip.Prefix, error)
	// Mirrors are asked in place of registries.
	Mirrors []Mirror
	// UserAgent is what the client calls itself.
	UserAgent string
}

// budget is the key of a context for how many requests may still be sent in it. The library follows redirects without an end.
type budget struct{}

func withBudget(ctx context.Context) context.Context {
	left := &atomic.Int32{}
	left.Store(maxRequests)
	return context.WithValue(ctx, budget{}, left)
}

// guarded lets requests go over TLS alone, except to mirrors, and bounds what is read of an answer. Every request passes it: also those for tokens,
// and those that follow a redirect.
type guarded struct {
	next http.RoundTripper
	// plain are the hosts of mirrors without TLS.
	plain map[string]bool
}

// RoundTrip sends a request.
func (g *guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" && !g.plain[r.URL.Host] {
		return nil, errors.New("registries are asked over TLS alone")
	}
	if left, ok := r.Context().Value(budget{}).(*atomic.Int32); ok && left.Add(-1) < 0 {
		return nil, errors.New("the registry takes too many requests")
	}
	answer, err := g.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	limit := int64(maxBody)
	if strings.Contains(r.URL.Path, "/manifests/") {
		limit = maxManifest
	}
	answer.Body = http.MaxBytesReader(nil, answer.Body, limit)
	return answer, nil
}

func newTransport(o Options) (http.RoundTripper, error) {
	roots, err := rootcas.With(o.Authorities)
	if err != nil {
		return nil, fmt.Errorf("authorities of registries: %w", err)
	}
	plain, trusted := map[string]bool{}, map[string]bool{}
	for _, m := range o.Mirrors {
		plain[m.URL.Host] = plain[m.URL.Host] || m.URL.Scheme == "http"
		trusted[withPort(m.URL)] = true
	}
	public, direct := egress.New(egress.Options{Allowed: o.Networks, Denied: o.Denied, Platform: o.Platform}), &net.Dialer{}
	return &guarded{plain: plain, next: &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, connectTimeout)
			defer cancel()
			if trusted[address] {
				return direct.DialContext(ctx, network, address)
			}
			return public.DialContext(ctx, network, address)
		},
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    connectTimeout,
		IdleConnTimeout:        idleTimeout,
		MaxIdleConnsPerHost:    1,
		MaxResponseHeaderBytes: maxHeader,
		ForceAttemptHTTP2:      true,
	}}, nil
}

// withPort returns the HOST:PORT that a URL is connected to at.
func withPort(u url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}
