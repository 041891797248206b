package facade

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	validationerrors "github.com/pb33f/libopenapi-validator/errors"
	"github.com/pb33f/libopenapi/datamodel/high/v3"

	"github.com/berth-dev/berth/facade/internal/profile"
)

// contractTransport holds every answer against the contract, and every request that the server accepted: one that isn't as the contract says
// is an error of the call.
type contractTransport struct {
	next      http.RoundTripper
	model     *v3.Document
	validator validator.Validator
}

func newContractTransport(next http.RoundTripper) (*contractTransport, error) {
	document, err := libopenapi.NewDocument(openAPI)
	if err != nil {
		return nil, err
	}
	model, err := document.BuildV3Model()
	if err != nil {
		return nil, err
	}
	checker, problems := validator.NewValidator(document, config.WithFormatAssertions())
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	if valid, problems := checker.ValidateDocument(); !valid {
		return nil, fmt.Errorf("openapi.yaml: %w", joined(problems))
	}
	return &contractTransport{next: next, model: &model.Model, validator: checker}, nil
}

func (c *contractTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := c.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	// The contract has the form with the last slash alone.
	seen := request.Clone(request.Context())
	if seen.URL.Path != "/api/openapi.json" {
		seen.URL.Path = strings.TrimSuffix(seen.URL.Path, "/") + "/"
	}
	if !c.describes(seen) {
		if response.StatusCode != http.StatusNotFound && response.StatusCode != http.StatusMethodNotAllowed {
			return nil, fmt.Errorf("%s %s answers %d and is not in the contract", request.Method, request.URL.Path, response.StatusCode)
		}
		return response, nil
	}
	if response.StatusCode < http.StatusBadRequest && request.GetBody != nil {
		if seen.Body, err = request.GetBody(); err != nil {
			return nil, err
		}
		if valid, problems := c.validator.ValidateHttpRequest(seen); !valid {
			return nil, fmt.Errorf("the request was accepted and is not as the contract says: %w", joined(problems))
		}
	}
	if valid, problems := c.validator.ValidateHttpResponse(seen, response); !valid {
		return nil, fmt.Errorf("the answer %d is not as the contract says: %w", response.StatusCode, joined(problems))
	}
	return response, nil
}

// describes tells whether the contract has an operation for a request.
func (c *contractTransport) describes(request *http.Request) bool {
	segments := strings.Split(request.URL.Path, "/")
	for path, item := range c.model.Paths.PathItems.FromOldest() {
		template := strings.Split(path, "/")
		matches := len(template) == len(segments)
		for i := 0; matches && i < len(segments); i++ {
			matches = template[i] == segments[i] || strings.HasPrefix(template[i], "{") && segments[i] != ""
		}
		if matches {
			_, found := item.GetOperations().Get(strings.ToLower(request.Method))
			return found
		}
	}
	return false
}

func joined(problems []*validationerrors.ValidationError) error {
	all := make([]error, 0, len(problems))
	for _, problem := range problems {
		all = append(all, problem)
	}
	return errors.Join(all...)
}

// TestRoutes says that the contract has every route of the API, and no other.
func TestRoutes(t *testing.T) {
	transport, err := newContractTransport(http.DefaultTransport)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for path, item := range transport.model.Paths.PathItems.FromOldest() {
		path = strings.NewReplacer("{organization}", ":org", "{app}", ":app", "{domain}", ":domain").Replace(path)
		for method := range item.GetOperations().FromOldest() {
			want = append(want, strings.ToUpper(method)+" "+path)
			if without, found := strings.CutSuffix(path, "/"); found {
				want = append(want, strings.ToUpper(method)+" "+without)
			}
		}
	}
	var got []string
	for _, route := range suite.server.router().Routes() {
		if strings.HasPrefix(route.Path, profile.Root) {
			continue // Pages for people.
		}
		got = append(got, route.Method+" "+route.Path)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-contract, +routes:\n%s", diff)
	}
}
