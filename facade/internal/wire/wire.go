// Package wire is the shape of what goes over the REST API, and the check that a request's body has it. It knows nothing of Kubernetes
// but which values an App can hold, and nothing of HTTP.
package wire

// App is an app as every answer shows it. The order of the fields is that of the answer.
type App struct {
	// Slug is the unique name, which is also the subdomain.
	Slug string `json:"slug"`
	// Dataset is "production" or "testing".
	Dataset string `json:"dataset"`
	// Location is the image reference, as the client wrote it.
	Location string `json:"location"`
	// RoleName is the AWS role ARN, or the user name, that the image is pulled with; may be empty.
	RoleName string `json:"role_name"`
	// Env is the environment, in order; never nil.
	Env []EnvVar `json:"env"`
	// ExternalID is the organization's external id for AWS trust policies; empty until the platform has made it.
	ExternalID string `json:"external_id"`
	// Domain is the host that the app answers at.
	Domain string `json:"domain"`
	// DomainUnicode is as in Domain.
	DomainUnicode string `json:"domain_unicode,omitempty"`
	// FromEmail is the address that its notifications come from; may be empty.
	FromEmail string `json:"from_email"`
}

// EnvVar is one environment variable.
type EnvVar struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Page is one page of a list.
type Page[T any] struct {
	// Count is how many there are on all pages.
	Count int `json:"count"`
	// Next and Previous are absolute URLs; nil at the ends.
	Next     *string `json:"next"`
	Previous *string `json:"previous"`
	// Results are never nil.
	Results []T `json:"results"`
}

// Logs are the last lines of an app's output.
type Logs struct {
	Content string `json:"content"`
}

// AppBody is what a client says about an app. A nil field is one that the body doesn't name.
type AppBody struct {
	Slug     *string
	Location *string
	// RoleName is the ARN of an AWS role or a user name, as IsRole tells; empty to pull without either.
	RoleName *string
	// ExternalID is the password or token of the user, or the organization's external id as it was read; never empty.
	ExternalID *string
	Env        *[]EnvVar
	Dataset    *string
	// Domain is empty for the app's default host.
	Domain *string
	// FromEmail is empty for the platform's own address.
	FromEmail *string
}
