// Package apierr is the one kind of error that REST clients get: a status, a plain text, and, for bad input, what is wrong with which field.
//
// What a client must not see (the words of another system, addresses, values) is kept as the cause, for the log alone.
package apierr

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Error is an answer other than success.
type Error struct {
	// Status is the HTTP status, 400 or above.
	Status int
	// Detail says in plain text what is wrong, and what to do if that isn't plain.
	Detail string
	// Fields are the messages for each field of the request that is wrong, under its name in the REST API. May be nil.
	Fields Fields
	// Header is sent with the answer. May be nil.
	Header http.Header

	cause error
}

// Error is the detail, with the cause.
func (e *Error) Error() string {
	if e.cause == nil {
		return e.Detail
	}
	return e.Detail + ": " + e.cause.Error()
}

// Unwrap returns the cause, or nil.
func (e *Error) Unwrap() error { return e.cause }

// Because adds a cause, for the log alone; nil adds none. It returns the error itself.
func (e *Error) Because(cause error) *Error {
	if cause != nil {
		e.cause = cause
	}
	return e
}

// MarshalJSON writes the body of the answer: {"detail": …, "FIELD": […]}.
func (e *Error) MarshalJSON() ([]byte, error) {
	body := make(map[string]any, 1+len(e.Fields))
	for name, messages := range e.Fields {
		body[name] = messages
	}
	body["detail"] = e.Detail
	return json.Marshal(body)
}

// Fields collects what is wrong with the fields of a request.
type Fields map[string][]string

// Add notes a message for a field.
func (f Fields) Add(name, message string) { f[name] = append(f[name], message) }

// Err is a 400 that names every field, or nil if nothing is wrong.
func (f Fields) Err() error {
	if len(f) == 0 {
		return nil
	}
	details := make([]string, 0, len(f))
	for _, name := range slices.Sorted(maps.Keys(f)) {
		details = append(details, name+": "+strings.Join(f[name], " "))
	}
	return &Error{Status: http.StatusBadRequest, Detail: strings.Join(details, " "), Fields: f}
}

// Field is a 400 about one field.
func Field(name, message string) error { return Fields{name: {message}}.Err() }

// BadRequest is a 400 that is about no field.
func BadRequest(detail string) *Error { return &Error{Status: http.StatusBadRequest, Detail: detail} }

// Unauthorized is a 401 that asks for a key.
func Unauthorized() *Error {
	return &Error{
		Status: http.StatusUnauthorized,
		Detail: "A valid API key is required, as the password of HTTP Basic authentication or as a bearer token.",
		Header: http.Header{"Www-Authenticate": {`Basic realm="api"`}},
	}
}

// OwnerNotSeen is the 401 about a valid key whose owner has not signed in for a time.
func OwnerNotSeen(within time.Duration) *Error {
	e := Unauthorized()
	e.Detail = fmt.Sprintf("The owner of this API key has not signed in to the profile page for %s. The key works again once they do.", days(within))
	return e
}

// days are a length of time, in days if it is so long.
func days(length time.Duration) string {
	if n := length / (24 * time.Hour); n > 1 {
		return fmt.Sprintf("%d days", n)
	}
	return length.String()
}

// Forbidden is a 403 to somebody who may see the object.
func Forbidden() *Error {
	return &Error{Status: http.StatusForbidden, Detail: "You do not have permission to perform this action."}
}

// OtherSite is a 403 to the page of another site.
func OtherSite() *Error {
	return &Error{Status: http.StatusForbidden, Detail: "Pages of other sites may not change anything here."}
}

// NotFound is a 404, the same for what doesn't exist and for what the caller may not see.
func NotFound() *Error { return &Error{Status: http.StatusNotFound, Detail: "Not found."} }

// InvalidPage is the 404 of a page that is out of range.
func InvalidPage() *Error { return &Error{Status: http.StatusNotFound, Detail: "Invalid page."} }

// MethodNotAllowed is a 405.
func MethodNotAllowed(method string) *Error {
	return &Error{Status: http.StatusMethodNotAllowed, Detail: fmt.Sprintf("Method %q not allowed.", method)}
}

// Conflict is a 409.
func Conflict(detail string) *Error { return &Error{Status: http.StatusConflict, Detail: detail} }

// Owned is the 409 about a field that somebody else manages, such as Git.
func Owned(path, owner string) *Error {
	return Conflict(fmt.Sprintf("%s is set by %s; change it there.", path, owner))
}

// Takeable is the 409 about a field that somebody else has set once, such as with kubectl, and that can be taken over.
func Takeable(path, owner string) *Error {
	return Conflict(fmt.Sprintf("%s is set by %s; change it there, or take it over by the same request with ?force=true.", path, owner))
}

// TooLarge is a 413.
func TooLarge() *Error {
	return &Error{Status: http.StatusRequestEntityTooLarge, Detail: "The body of the request is too large."}
}

// UnsupportedMediaType is a 415.
func UnsupportedMediaType(mediaType string) *Error {
	return &Error{Status: http.StatusUnsupportedMediaType, Detail: fmt.Sprintf("Unsupported media type %q in request.", mediaType)}
}

// TooManyRequests is a 429 that says when the next one may come.
func TooManyRequests(wait time.Duration) *Error {
	seconds := int(math.Ceil(wait.Seconds()))
	return &Error{
		Status: http.StatusTooManyRequests,
		Detail: fmt.Sprintf("Too many requests; try again in %d seconds.", seconds),
		Header: http.Header{"Retry-After": {strconv.Itoa(seconds)}},
	}
}

// TooManyBytes is the 429 of an organization that has stored too much within a short time.
func TooManyBytes(wait time.Duration) *Error {
	e := TooManyRequests(wait)
	e.Detail = fmt.Sprintf("The organization has changed too much data within a minute; try again in %s seconds.", e.Header.Get("Retry-After"))
	return e
}

// Internal is a 500, whose cause is for the log.
func Internal(cause error) *Error {
	return &Error{Status: http.StatusInternalServerError, Detail: "Internal server error.", cause: cause}
}

// Unavailable is a 503 with the advice to try again; its cause is for the log.
func Unavailable(cause error) *Error {
	return &Error{
		Status: http.StatusServiceUnavailable,
		Detail: "The platform is busy or can't be reached at the moment; try again.",
		Header: http.Header{"Retry-After": {"1"}},
		cause:  cause,
	}
}
