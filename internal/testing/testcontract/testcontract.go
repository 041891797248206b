// Package testcontract holds what the facade answers against its contract, for tests.
package testcontract

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	validationerrors "github.com/pb33f/libopenapi-validator/errors"
	"github.com/pb33f/libopenapi/datamodel/high/v3"
)

// Contract is an OpenAPI document to hold answers against. It may be used by several goroutines at once.
type Contract struct {
	// Model is the document as it was read.
	Model *v3.Document

	validator validator.Validator
}

// New reads a document. The error says that it is no valid OpenAPI document.
func New(openAPI []byte) (*Contract, error) {
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
		return nil, fmt.Errorf("the contract: %w", joined(problems))
	}
	return &Contract{Model: &model.Model, validator: checker}, nil
}

// parameter is one in the template of a path.
var parameter = regexp.MustCompile(`\{[^}]*\}`)

// Find returns the operation that a request is for with the template of its path; nil if the contract has none. The contract has the paths
// with the last slash, and they mean the same without it.
func (c *Contract) Find(method string, address *url.URL) (*v3.Operation, string) {
	path := address.Path
	if path != "/api/openapi.json" {
		path = strings.TrimSuffix(path, "/") + "/"
	}
	segments := strings.Split(path, "/")
	for template, item := range c.Model.Paths.PathItems.FromOldest() {
		if !fits(strings.Split(template, "/"), segments) {
			continue
		}
		for known, operation := range item.GetOperations().FromOldest() {
			if upper := strings.ToUpper(known); upper == method { // Methods are case-sensitive, RFC 9110 section 9.1: get is not GET.
				return operation, template
			}
		}
	}
	return nil, ""
}

func fits(template, segments []string) bool {
	if len(template) != len(segments) {
		return false
	}
	for i := range segments {
		if template[i] != segments[i] && (segments[i] == "" || !strings.HasPrefix(template[i], "{")) {
			return false
		}
	}
	return true
}

// CheckAnswer says what of an answer isn't as the contract says: its status, its headers or its body, which can still be read afterwards.
func (c *Contract) CheckAnswer(request *http.Request, answer *http.Response) error {
	operation, template := c.Find(request.Method, request.URL)
	if operation == nil {
		if answer.StatusCode != http.StatusNotFound && answer.StatusCode != http.StatusMethodNotAllowed {
			return fmt.Errorf("%s %s answers %d and is not in the contract", request.Method, request.URL.Path, answer.StatusCode)
		}
		return nil
	}
	// What a client makes up for a parameter is nothing that an answer depends on, and may be hard to tell from a path.
	asked := request.Clone(request.Context())
	asked.URL = &url.URL{Path: parameter.ReplaceAllLiteralString(template, "x")}
	if valid, problems := c.validator.ValidateHttpResponse(asked, answer); !valid {
		return fmt.Errorf("the answer %d is not as the contract says: %w", answer.StatusCode, joined(problems))
	}
	return nil
}

// CheckRequest says what of a request that the contract has an operation for isn't as it says. It reads the body.
func (c *Contract) CheckRequest(request *http.Request) error {
	if valid, problems := c.validator.ValidateHttpRequest(request); !valid {
		return fmt.Errorf("the request is not as the contract says: %w", joined(problems))
	}
	return nil
}

func joined(problems []*validationerrors.ValidationError) error {
	all := make([]error, 0, len(problems))
	for _, problem := range problems {
		all = append(all, problem)
	}
	return errors.Join(all...)
}
