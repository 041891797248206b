package testcontract

import (
	"fmt"
	"net/http"
	"strings"
)

// Transport returns a transport that holds every answer against the contract, and every request that the server accepted: one that isn't as
// the contract says is an error of the call.
func (c *Contract) Transport(next http.RoundTripper) http.RoundTripper {
	return transport{contract: c, next: next}
}

type transport struct {
	contract *Contract
	next     http.RoundTripper
}

func (t transport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode < http.StatusBadRequest && request.GetBody != nil {
		sent := request.Clone(request.Context())
		if !strings.HasSuffix(sent.URL.Path, ".json") {
			sent.URL.Path = strings.TrimSuffix(sent.URL.Path, "/") + "/"
		}
		if sent.Body, err = request.GetBody(); err != nil {
			return nil, err
		}
		if err := t.contract.CheckRequest(sent); err != nil {
			return nil, fmt.Errorf("it was accepted: %w", err)
		}
	}
	if err := t.contract.CheckAnswer(request, response); err != nil {
		return nil, err
	}
	return response, nil
}
