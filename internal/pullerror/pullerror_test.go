package pullerror_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/internal/pullerror"
)

type pullError = pullerror.Error

// What runtimes and registries have said.
func TestParse(t *testing.T) {
	t.Parallel()
	const pull = `failed to pull and unpack image "a.io/b:c": failed to resolve reference "a.io/b:c": `
	cases := map[string]struct {
		image, reason, said string
		want                pullError
	}{
		"Expired": {
			said: pull + `unexpected status from HEAD request to https://a.io/v2/b/manifests/c: 403 Forbidden`,
			want: pullError{Class: pullerror.Denied, Status: 403},
		},
		"NoLogin": {
			said: pull + `pull access denied, repository does not exist or may require authorization: no basic auth credentials`,
			want: pullError{Class: pullerror.Denied},
		},
		"Unauthorized": {
			said: `failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://a.io/token?scope=b%3Apull: 401 Unauthorized`,
			want: pullError{Class: pullerror.Denied, Status: 401},
		},
		"OfCRIO":       {said: "reading manifest c in a/b: unauthorized: authentication required", want: pullError{Class: pullerror.Denied}},
		"OfCRIOStatus": {said: `reading manifest c in a/b: StatusCode: 403, "<html>...`, want: pullError{Class: pullerror.Denied, Status: 403}},
		"OfDockerHub":  {said: "reading manifest c in b: requested access to the resource is denied", want: pullError{Class: pullerror.Denied}},
		"NotFound":     {said: `rpc error: code = NotFound desc = ` + pull + `a.io/b:c: not found`, want: pullError{Class: pullerror.NotFound}},
		"Status404": {
			said: `initializing source docker://a.io/b:c: invalid status code from registry 404 (Not Found)`,
			want: pullError{Class: pullerror.NotFound, Status: 404},
		},
		"Unknown": {said: "reading manifest c in a/b: manifest unknown", want: pullError{Class: pullerror.NotFound}},
		"Platform": {
			said: `failed to pull and unpack image "a.io/b:c": no match for platform in manifest: not found`,
			want: pullError{Class: pullerror.WrongPlatform},
		},
		"Throttled": {
			said: pull + `unexpected status from HEAD request to https://a.io/v2/b/manifests/c: 429 Too Many Requests`,
			want: pullError{Class: pullerror.Throttled, Status: 429},
		},
		"RateLimit": {
			said: "reading manifest c in b: toomanyrequests: You have reached your pull rate limit.",
			want: pullError{Class: pullerror.Throttled},
		},
		"Fails": {
			said: pull + `unexpected status from HEAD request to https://a.io/v2/b/manifests/c: 503 Service Unavailable`, want: pullError{Status: 503},
		},
		"NoSpace":     {said: `failed to extract layer: write /var/lib/x: no space left on device`, want: pullError{Class: pullerror.NoSpace}},
		"Name":        {reason: "InvalidImageName", said: `Failed to apply default image tag "A/b"`, want: pullError{Class: pullerror.InvalidName}},
		"Never":       {reason: "ErrImageNeverPull", want: pullError{Class: pullerror.NeverPulled}},
		"Signature":   {reason: "SignatureValidationFailed", said: "dial tcp 10.0.0.5:443", want: pullError{Class: pullerror.InvalidSignature}},
		"NothingSaid": {reason: "ImagePullBackOff", said: `Back-off pulling image "a.io/b:c"`, want: pullError{Class: pullerror.Unknown}},
		"BackOff":     {reason: "ImagePullBackOff", said: `Back-off pulling image "a.io/b:c": ErrImagePull: dial tcp 10.0.0.5:443: i/o timeout`},
		"BackOffDenied": {
			reason: "ImagePullBackOff",
			said:   `Back-off pulling image "a.io/b:c": ErrImagePull: no basic auth credentials`,
			want:   pullError{Class: pullerror.Denied},
		},
		"OfDockerHub401": {
			image: "nginx",
			said:  `failed to authorize: failed to fetch oauth token: unexpected status from POST request to https://auth.docker.io/token: 401 Unauthorized`,
			want:  pullError{Class: pullerror.Denied, Status: 401},
		},
		"TokensOfAnother": {
			said: `failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://auth.example.com/token: 401 Unauthorized`,
			want: pullError{Class: pullerror.Denied},
		},
		"OfAMirror": {
			image: "123.dkr.ecr.eu-west-1.amazonaws.com/b:c",
			said:  pull + `unexpected status from HEAD request to http://127.0.0.1:5000/v2/b/manifests/c?ns=123.dkr.ecr.eu-west-1.amazonaws.com: 403 Forbidden`,
			want:  pullError{Class: pullerror.Denied},
		},
		"Inspected":   {reason: "ImageInspectError", said: "dial unix /run/containerd.sock", want: pullError{Class: pullerror.Unknown}},
		"Layer":       {said: pull + `failed to extract layer sha256:1: mount callback failed`, want: pullError{Class: pullerror.Unknown}},
		"Digest":      {said: pull + `unexpected commit digest sha256:1, expected sha256:2: failed precondition`, want: pullError{Class: pullerror.Unknown}},
		"NamedDenied": {said: `failed to pull image "10.0.0.5:6443/denied:v1": Head "https://10.0.0.5:6443/v2/denied/manifests/v1": dial tcp: connection refused`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tc.image == "" {
				tc.image = "a.io/b:c"
			}
			if tc.reason == "" {
				tc.reason = "ErrImagePull"
			}
			if !pullerror.IsReason(tc.reason) {
				t.Errorf("%s is not known to be about images", tc.reason)
			}
			if diff := cmp.Diff(tc.want, pullerror.Parse(tc.image, tc.reason, tc.said)); diff != "" {
				t.Errorf("Parse (-want +got):\n%s", diff)
			}
		})
	}
}

// A tenant learns from none of these what answers at an address of the node's network.
func TestPortsAreNotTold(t *testing.T) {
	t.Parallel()
	const get = `failed to pull and unpack image "10.0.0.5:6443/x:y": failed to resolve reference "10.0.0.5:6443/x:y": failed to do request: ` +
		`Head "https://10.0.0.5:6443/v2/x/manifests/y": `
	said := map[string]string{
		"Refused":     get + "dial tcp 10.0.0.5:6443: connect: connection refused",
		"Filtered":    get + "dial tcp 10.0.0.5:6443: i/o timeout",
		"NoRoute":     get + "dial tcp 10.0.0.5:6443: connect: no route to host",
		"Unresolved":  get + "dial tcp: lookup x.example.com on 10.0.0.2:53: no such host",
		"PlainHTTP":   get + "http: server gave HTTP response to HTTPS client",
		"OtherTLS":    get + "tls: failed to verify certificate: x509: certificate signed by unknown authority",
		"OtherNames":  get + "tls: failed to verify certificate: x509: certificate is valid for kubernetes, 10.96.0.1, not 10.0.0.5",
		"NoHTTP":      get + `net/http: HTTP/1.x transport connection broken: malformed HTTP response "SSH-2.0-OpenSSH_9.6"`,
		"Reset":       get + "read tcp 10.0.0.1:40000->10.0.0.5:6443: read: connection reset by peer",
		"Closed":      get + "EOF",
		"BadRequest":  `unexpected status from HEAD request to http://10.0.0.5:6443/v2/x/manifests/y: 400 Bad Request`,
		"Teapot":      `unexpected status from HEAD request to https://10.0.0.5:9100/v2/x/manifests/y: 418 I'm a teapot`,
		"Redirect":    `unexpected status code https://10.0.0.5/v2/: 307 Temporary Redirect`,
		"NoManifest":  `invalid character '<' looking for beginning of value`,
		"CRIORefused": `pinging container registry 10.0.0.5:6443: Get "https://10.0.0.5:6443/v2/": dial tcp 10.0.0.5:6443: connect: connection refused`,
		"Realm404":    `failed to authorize: failed to fetch anonymous token: unexpected status from GET request to http://10.0.0.9:8080/: 404 Not Found`,
		"Realm503":    `failed to authorize: failed to fetch anonymous token: unexpected status from GET request to http://10.0.0.9:8080/: 503 Service Unavailable`,
		"Realm429":    `failed to authorize: failed to fetch anonymous token: unexpected status from GET request to http://10.0.0.9/: 429 Too Many Requests`,
		"RealmNoPort": `failed to authorize: failed to fetch anonymous token: Get "http://10.0.0.9:1/": dial tcp 10.0.0.9:1: connect: connection refused`,
		"Realm401":    `failed to authorize: failed to fetch anonymous token: unexpected status from GET request to http://10.0.0.9:8080/: 401 Unauthorized`,
		"Redirect401": `unexpected status from GET request to http://10.0.0.9:8080/metrics: 401 Unauthorized`,
		"Redirect404": `unexpected status from GET request to http://10.0.0.9:8080/v2/x/manifests/y: 404 Not Found`,
		"Redirect500": `unexpected status from GET request to http://10.0.0.9:8080/v2/x/manifests/y: 500 Internal Server Error`,
		"Unavailable": `Error response from daemon: Get "https://10.0.0.5:6443/v2/": context deadline exceeded`,
	}
	for name, message := range said {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := pullerror.Parse("10.0.0.5:6443/x:y", "ErrImagePull", message)
			if diff := cmp.Diff(pullerror.Error{}, got); diff != "" {
				t.Errorf("Parse (-want +got):\n%s", diff)
			}
			if text := got.Error(); strings.Contains(text, "10.0.0") || text != (pullerror.Error{}).Error() {
				t.Errorf("it says %q", text)
			}
		})
	}
}

func TestIsReason(t *testing.T) {
	t.Parallel()
	for _, other := range []string{"", "ContainerCreating", "CrashLoopBackOff", "CreateContainerConfigError"} {
		if pullerror.IsReason(other) {
			t.Errorf("%q is about an image", other)
		}
	}
}
