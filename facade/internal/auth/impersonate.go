package auth

import (
	"errors"
	"net/http"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"
)

// The verb that lets the facade act as somebody says nothing yet about what it may do as them: that is in the ClusterRole
// berth-facade-organization, which it has in organizations alone.
// +kubebuilder:rbac:groups=authentication.k8s.io,resources=users;groups,verbs="impersonate:user-info"

// Impersonating returns a configuration whose clients make every request as the principal of its context, so that the API server decides
// what they may do and its audit log says who did it. A request whose context has no principal isn't sent.
func Impersonating(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return impersonator{next: next} })
	return config
}

type impersonator struct{ next http.RoundTripper }

func (i impersonator) RoundTrip(request *http.Request) (*http.Response, error) {
	principal := FromContext(request.Context())
	if principal.User == "" {
		if request.Body != nil {
			_ = request.Body.Close()
		}
		return nil, errors.New("a request to the API server acts for nobody")
	}
	// A new one for each request: it holds nothing but who acts.
	as := transport.ImpersonationConfig{UserName: principal.User, Groups: principal.Groups}
	return transport.NewImpersonatingRoundTripper(as, i.next).RoundTrip(request)
}
