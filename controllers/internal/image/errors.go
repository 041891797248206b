package image

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Class is what kept a registry from saying what an image is. The words of registries, which tenants choose, and of the network, which would tell
// what there is inside the platform, are not passed on.
type Class string

const (
	// Unreachable is a registry that cannot be connected to, may not be, does not answer in time, or fails.
	Unreachable Class = "unreachable"
	// Denied is a registry that refuses access.
	Denied Class = "denied"
	// NotFound is an image that the registry does not have.
	NotFound Class = "not found"
	// Invalid is an answer that describes no image.
	Invalid Class = "invalid"
)

// Error says why an image is not known.
type Error struct {
	Class Class
	// Status is the HTTP status of the registry; 0 without one.
	Status int
	// RetryAfter is when the registry can be asked again.
	RetryAfter time.Duration
}

// Error says it in words that hold nothing of what the registry said.
func (e *Error) Error() string {
	said := map[Class]string{
		Unreachable: "the registry cannot be reached", Denied: "the registry denied access",
		NotFound: "the registry does not have the image", Invalid: "the registry's answer describes no image",
	}[e.Class]
	if e.Status == 0 {
		return said
	}
	return fmt.Sprintf("%s (HTTP status %d)", said, e.Status)
}

// ErrPending says that a registry was asked and has not answered yet.
var ErrPending = errors.New("the registry has not answered yet")

// errInvalid is an answer that describes no image.
var errInvalid = errors.New("no image")

// classify returns the class of any error.
func classify(ctx context.Context, err error) *Error {
	if known, ok := errors.AsType[*Error](err); ok {
		return &Error{Class: known.Class, Status: known.Status}
	}
	if answered, ok := errors.AsType[*transport.Error](err); ok {
		return &Error{Class: classOf(answered), Status: answered.StatusCode}
	}
	if ctx.Err() == nil && (errors.Is(err, errInvalid) || isTooLarge(err)) {
		return &Error{Class: Invalid}
	}
	return &Error{Class: Unreachable}
}

// invalidUnlessAnswered returns the error of an image whose parts do not fit, unless its registry or the network is to blame.
func invalidUnlessAnswered(err error) error {
	_, answered := errors.AsType[*transport.Error](err)
	_, failed := errors.AsType[net.Error](err)
	if answered || failed || isTooLarge(err) {
		return err
	}
	return errInvalid
}

func classOf(answered *transport.Error) Class {
	switch status := answered.StatusCode; {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return Denied
	case status == http.StatusNotFound:
		return NotFound
	case status == http.StatusTooManyRequests || status >= http.StatusInternalServerError:
		return Unreachable
	default:
		return Invalid
	}
}

func isTooLarge(err error) bool {
	_, ok := errors.AsType[*http.MaxBytesError](err)
	return ok
}
