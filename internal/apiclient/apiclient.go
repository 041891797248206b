// Package apiclient says how Berth's programs talk to the API server.
package apiclient

import (
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
)

// Absent is a resource version that no object of Berth's ever has, since etcd counts from 1 and much is written before the first of them. The API server
// ignores the version when an apply makes an object, and refuses an apply to an object with another version, with a conflict: so an apply with
// this one makes an object, under its own field owner, and never changes one.
const Absent = "1"

// Tune makes a configuration one of Berth's. The API server is what limits how fast Apps are made, so it is spared what nobody needs:
//
//   - No limit of the client's own: the API server's priority and fairness decides what is too much, and a limit here would only make waits that
//     nobody sees.
//   - No compression: a watch that begins with a list would be compressed for as long as it goes on, event by event, which costs more on both sides than
//     a network inside of a cluster does.
//   - No second reading of what is applied: see once.
func Tune(config *rest.Config) {
	config.QPS = -1
	config.DisableCompression = true
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return once{next} })
}

// once has the API server read what is applied only once. It reads it as YAML, and by default (fieldValidation=Warn) a second time, to warn of keys that
// are there twice. What Berth applies is encoded JSON, which has no key twice; a field that the API server doesn't know is an error of any apply.
type once struct{ next http.RoundTripper }

// RoundTrip sends a request.
func (o once) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodPatch || r.Header.Get("Content-Type") != string(types.ApplyYAMLPatchType) {
		return o.next.RoundTrip(r)
	}
	r = r.Clone(r.Context())
	query := r.URL.Query()
	query.Set("fieldValidation", metav1.FieldValidationIgnore)
	r.URL.RawQuery = query.Encode()
	return o.next.RoundTrip(r)
}
