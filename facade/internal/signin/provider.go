package signin

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// retryAfter is how long an identity provider that couldn't be reached isn't asked again, so that those who want to sign in don't wait for
// one another.
const retryAfter = 2 * time.Second

// provider is the identity provider, which is asked who it is when that is needed first.
type provider struct {
	issuer string
	client *http.Client
	now    func() time.Time

	mu    sync.Mutex
	found *oidc.Provider
	// err is how the last attempt failed, at failed.
	err    error
	failed time.Time
}

// get returns the provider, or why there is none at the moment.
func (p *provider) get(ctx context.Context) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	if p.err != nil && p.now().Sub(p.failed) < retryAfter {
		return nil, p.err
	}
	// Others wait for the same answer, so it isn't given up with the request that happened to be first.
	found, err := oidc.NewProvider(p.with(context.WithoutCancel(ctx)), p.issuer)
	if err != nil {
		p.err, p.failed = err, p.now()
		return nil, err
	}
	p.found, p.err = found, nil
	return found, nil
}

// with returns a context whose requests go through the provider's client.
func (p *provider) with(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, p.client)
}
