package apierr

import (
	"context"
	"errors"
	"net"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// wireFields says which field of the REST API a field of an App or Domain came from. Of several that fit, the first counts.
var wireFields = []struct{ path, name string }{
	{"metadata.name", "slug"},
	{"spec.image", "location"},
	{"spec.registry", "role_name"},
	{"spec.env", "env"},
	{"spec.dataset", "dataset"},
	{"spec.host", "domain"},
	{"spec.appRef", "slug"},
	{"spec.tls", "ssl_certificate"},
	{"spec.mail.host", "email_host"},
	{"spec.mail.port", "email_port"},
	{"spec.mail.user", "email_host_user"},
	{"spec.mail.passwordSecretRef", "email_host_password"},
	{"spec.mail", "from_email"},
	{"spec.authentication", "authentication"},
}

// From turns any error into what the client gets. It is the one place that knows what the API server's errors mean to a REST client.
func From(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return Unavailable(err)
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		if _, ok := errors.AsType[net.Error](err); ok {
			return Unavailable(err)
		}
		return Internal(err)
	}
	return fromStatus(err, status.Status())
}

func fromStatus(err error, status metav1.Status) *Error {
	switch status.Reason {
	case metav1.StatusReasonInvalid:
		return fromInvalid(err, status)
	case metav1.StatusReasonNotFound:
		return NotFound()
	case metav1.StatusReasonForbidden:
		// Nothing can be made in an organization that is being deleted; to its clients it has gone already.
		if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
			return NotFound()
		}
		forbidden := Forbidden()
		forbidden.cause = err
		return forbidden
	case metav1.StatusReasonConflict, metav1.StatusReasonAlreadyExists:
		return fromConflict(err, status)
	case metav1.StatusReasonRequestEntityTooLarge:
		return TooLarge()
	case metav1.StatusReasonServerTimeout, metav1.StatusReasonTimeout, metav1.StatusReasonTooManyRequests, metav1.StatusReasonServiceUnavailable:
		return Unavailable(err)
	default:
		return Internal(err)
	}
}

// fromConflict names the fields that somebody else has set, with the API server's words for who.
func fromConflict(err error, status metav1.Status) *Error {
	conflict := Conflict("Somebody else changed this at the same time; try again.")
	conflict.cause = err
	if status.Details == nil {
		return conflict
	}
	var owned []string
	for _, cause := range status.Details.Causes {
		if cause.Type == metav1.CauseTypeFieldManagerConflict {
			owned = append(owned, strings.TrimPrefix(cause.Field, ".")+": "+cause.Message)
		}
	}
	if len(owned) > 0 {
		conflict.Detail = strings.Join(owned, "; ")
	}
	return conflict
}

// fromInvalid tells the client what the API server holds against the fields that the client knows. If it names another one, the mistake is
// the facade's own.
func fromInvalid(err error, status metav1.Status) *Error {
	if status.Details == nil {
		return Internal(err)
	}
	fields := Fields{}
	for _, cause := range status.Details.Causes {
		name := wireField(cause.Field)
		if name == "" {
			return Internal(err)
		}
		fields.Add(name, cause.Message)
	}
	invalid, ok := errors.AsType[*Error](fields.Err())
	if !ok {
		return Internal(err)
	}
	invalid.cause = err
	return invalid
}

func wireField(path string) string {
	for _, field := range wireFields {
		rest, found := strings.CutPrefix(path, field.path)
		if found && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return field.name
		}
	}
	return ""
}
