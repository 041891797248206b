package image

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	corev1 "k8s.io/api/core/v1"
)

func TestGet(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	one := imageOf(t, runtime.GOARCH, "8080/tcp")
	type pushed interface {
		remote.Taggable
		Digest() (v1.Hash, error)
	}
	cases := map[string]struct {
		pushed pushed
		want   Image
	}{
		"None":       {pushed: imageOf(t, "amd64"), want: Image{Architecture: "amd64"}},
		"One":        {pushed: one, want: Image{Ports: []int32{8080}}},
		"OCI":        {pushed: oci(t, one), want: Image{Ports: []int32{8080}}},
		"NoProtocol": {pushed: imageOf(t, runtime.GOARCH, "9000"), want: Image{Ports: []int32{9000}}},
		"UpperCase":  {pushed: imageOf(t, runtime.GOARCH, "9000/TCP", "9000"), want: Image{Ports: []int32{9000}}},
		"UDP":        {pushed: imageOf(t, runtime.GOARCH, "53/udp"), want: Image{}},
		"UDPToo":     {pushed: imageOf(t, runtime.GOARCH, "53/udp", "8053/tcp"), want: Image{Ports: []int32{8053}}},
		"Two":        {pushed: imageOf(t, runtime.GOARCH, "443/tcp", "80/tcp"), want: Image{Ports: []int32{80, 443}}},
		"Senseless":  {pushed: imageOf(t, runtime.GOARCH, "", "0/tcp", "http", "70000/tcp", "80-90/tcp", "/tcp", "-1"), want: Image{}},
		"Index": {
			pushed: indexOf(t, map[string]v1.Image{
				"linux/" + runtime.GOARCH: one, "linux/s390x": imageOf(t, "s390x", "1/tcp"), "windows/" + runtime.GOARCH: imageOf(t, "amd64", "2/tcp"),
				"unknown/unknown": imageOf(t, "unknown"),
			}),
			want: Image{Ports: []int32{8080}},
		},
		"IndexOfOthers": {
			pushed: indexOf(t, map[string]v1.Image{"linux/s390x": imageOf(t, "s390x", "8081/tcp"), "unknown/unknown": imageOf(t, "unknown")}),
			want:   Image{Architecture: "s390x", Ports: []int32{8081}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tag := s.push(t, "shop/"+strings.ToLower(name)+":v1", tc.pushed)
			digest, err := tc.pushed.Digest()
			if err != nil {
				t.Fatal(err)
			}
			tc.want.OS, tc.want.User, tc.want.Digest = "linux", "app", digest.String()
			if tc.want.Architecture == "" {
				tc.want.Architecture = runtime.GOARCH
			}
			c := s.client(t)
			for _, reference := range []string{tag, strings.TrimSuffix(tag, ":v1") + "@" + digest.String(), tag + "@" + digest.String()} {
				got, err := get(t.Context(), c, reference)
				if err != nil {
					t.Fatalf("%s: %v", reference, err)
				}
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", reference, diff)
				}
			}
		})
	}
}

// A configuration is read once, whatever names it, and an image only after its registry has let the App in.
func TestConfigIsReadOnce(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	made := imageOf(t, "amd64", "8080/tcp")
	c := s.client(t)
	for _, repository := range []string{"a:v1", "b:v2", "a:v1"} {
		if _, err := get(t.Context(), c, s.push(t, repository, made)); err != nil {
			t.Fatal(err)
		}
	}
	blobs := 0
	for _, call := range s.asked() {
		if strings.Contains(call, "/blobs/") {
			blobs++
		}
	}
	if blobs != 1 {
		t.Errorf("%d blobs were read, want one: %q", blobs, s.asked())
	}
	s.setFront(wants)
	if _, err := get(t.Context(), c, s.host()+"/a:v1"); err == nil {
		t.Error("an image that is known is told to an App that has no login")
	}
}

// pullSecret is one of the type that the kubelet takes.
func pullSecret(registry, user, password string) corev1.Secret {
	auth := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	text := fmt.Sprintf(`{"auths": {%q: {"auth": %q}}}`, registry, auth)
	return corev1.Secret{Type: corev1.SecretTypeDockerConfigJson, Data: map[string][]byte{corev1.DockerConfigJsonKey: []byte(text)}}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	s := serve(t, wants)
	reference := s.push(t, "shop/web:v1", imageOf(t, "amd64", "8080/tcp"))
	broken := pullSecret(s.host(), user, password)
	broken.Data[corev1.DockerConfigJsonKey] = []byte("{" + password)
	denied := &Error{Class: Denied, Status: http.StatusUnauthorized}
	cases := map[string]struct {
		secrets []corev1.Secret
		want    error
	}{
		"None":            {want: denied},
		"Host":            {secrets: []corev1.Secret{pullSecret(s.host(), user, password)}},
		"URL":             {secrets: []corev1.Secret{pullSecret("https://"+s.host()+"/v2/", user, password)}},
		"Repository":      {secrets: []corev1.Secret{pullSecret(s.host()+"/shop", user, password)}},
		"OtherRepository": {secrets: []corev1.Secret{pullSecret(s.host()+"/else", user, password)}, want: denied},
		"OtherHost":       {secrets: []corev1.Secret{pullSecret("registry.example.com", user, password)}, want: denied},
		"Second":          {secrets: []corev1.Secret{pullSecret("registry.example.com", "a", "b"), pullSecret(s.host(), user, password)}},
		"WrongPassword":   {secrets: []corev1.Secret{pullSecret(s.host(), user, "wrong")}, want: denied},
		"Broken":          {secrets: []corev1.Secret{broken}, want: &Error{Class: Denied}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			login, err := Login(t.Context(), tc.secrets)
			if err == nil {
				_, err = s.client(t).Get(t.Context(), reference, login)
			}
			if !sameFailure(err, tc.want) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), password) {
				t.Errorf("the error %q holds the password", err)
			}
		})
	}
}

func sameFailure(a, b error) bool {
	first, ok := errors.AsType[*Error](a)
	second, alsoOK := errors.AsType[*Error](b)
	return ok && alsoOK && first.Class == second.Class && first.Status == second.Status || a == nil && b == nil
}

func TestFailures(t *testing.T) {
	t.Parallel()
	inside := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a server inside was asked")
	}))
	t.Cleanup(inside.Close)
	status := func(code int) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(code)
			_, _ = w.Write([]byte("words of the registry"))
			return true
		}
	}
	says := func(path, contentType, text string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, path) {
				return false
			}
			w.Header().Set("Content-Type", contentType)
			_, _ = w.Write([]byte(text))
			return true
		}
	}
	const manifest = "application/vnd.oci.image.manifest.v1+json"
	huge := strings.Repeat(" ", maxBody+1)
	unauthorized := func(challenge string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("WWW-Authenticate", challenge)
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}
	}
	cases := map[string]struct {
		front     func(http.ResponseWriter, *http.Request) bool
		reference string
		want      Error
	}{
		"NotFound":        {reference: "shop/other:v1", want: Error{Class: NotFound, Status: 404}},
		"NoTag":           {reference: "shop/web:other", want: Error{Class: NotFound, Status: 404}},
		"Denied":          {front: status(403), want: Error{Class: Denied, Status: 403}},
		"TooMany":         {front: status(429), want: Error{Class: Unreachable, Status: 429}},
		"Broken":          {front: status(500), want: Error{Class: Unreachable, Status: 500}},
		"Teapot":          {front: status(418), want: Error{Class: Invalid, Status: 418}},
		"NoReference":     {reference: "shop/web:v1@sha256:beef", want: Error{Class: Invalid}},
		"Garbage":         {front: says("/manifests/", manifest, "<html>"), want: Error{Class: Invalid}},
		"Nothing":         {front: says("/manifests/", manifest, "{}"), want: Error{Class: Invalid, Status: 400}},
		"Schema1":         {front: says("/manifests/", "application/vnd.docker.distribution.manifest.v1+json", "{}"), want: Error{Class: Invalid}},
		"EmptyIndex":      {front: says("/manifests/", "application/vnd.oci.image.index.v1+json", `{"manifests":[]}`), want: Error{Class: Invalid}},
		"HugeManifest":    {front: says("/manifests/", manifest, huge), want: Error{Class: Invalid}},
		"ManifestOfEmpty": {front: says("/manifests/", manifest, `{"layers":[`+strings.Repeat("{},", maxManifest/3)+`{}]}`), want: Error{Class: Invalid}},
		"HugeConfig":      {front: says("/blobs/", "application/json", huge), want: Error{Class: Invalid}},
		"LongPlatform":    {front: says("/blobs/", "application/json", `{"os":"`+strings.Repeat("x", maxPlatform+1)+`"}`), want: Error{Class: Invalid}},
		"OtherConfig":     {front: says("/blobs/", "application/json", `{"config":{"ExposedPorts":{"22/tcp":{}}}}`), want: Error{Class: Invalid}},
		"ToMetadata":      {front: redirects("https://169.254.169.254/latest/meta-data/"), want: Error{Class: Unreachable}},
		"ToPlain":         {front: redirects("http://registry.example.com/"), want: Error{Class: Unreachable}},
		"ToLoopback":      {front: redirects(inside.URL), want: Error{Class: Unreachable}},
		"ToService":       {front: redirects("https://10.96.0.1/"), want: Error{Class: Unreachable}},
		"ToPublicPlain":   {front: redirects("http://192.0.2.1/"), want: Error{Class: Unreachable}},
		"ToItself":        {front: func(w http.ResponseWriter, r *http.Request) bool { return redirects(r.URL.Path)(w, r) }, want: Error{Class: Unreachable}},
		"TokenOfMetadata": {front: unauthorized(`Bearer realm="http://169.254.169.254/latest/"`), want: Error{Class: Unreachable}},
		"TokenOfService":  {front: unauthorized(`Bearer realm="https://10.96.0.1/token"`), want: Error{Class: Unreachable}},
		"TokenOfLoopback": {front: unauthorized(`Bearer realm="` + inside.URL + `"`), want: Error{Class: Unreachable}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, tc.front)
			s.push(t, "shop/web:v1", imageOf(t, "amd64", "8080/tcp"))
			reference := tc.reference
			if reference == "" {
				reference = "shop/web:v1"
			}
			// The registry of the test is the only address inside that may be asked.
			c := newClient(t, Options{Authorities: s.authority(), Mirrors: []Mirror{{Host: "registry.example.com", URL: mustURL(t, s.URL)}}})
			_, err := get(t.Context(), c, "registry.example.com/"+reference)
			if !sameFailure(err, &tc.want) {
				t.Errorf("error %v, want %v", err, &tc.want)
			}
			if strings.Contains(fmt.Sprint(err), "words") {
				t.Errorf("the error %q passes the registry's words on", err)
			}
		})
	}
}

func TestAddressesInside(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	s.push(t, "web:v1", imageOf(t, "amd64"))
	_, port, _ := strings.Cut(s.host(), ":")
	for _, host := range []string{"127.0.0.1", "localhost", "169.254.169.254", "10.96.0.1", "0.0.0.0"} {
		c := newClient(t, Options{Authorities: s.authority()})
		if _, err := get(t.Context(), c, host+":"+port+"/web:v1"); !sameFailure(err, &Error{Class: Unreachable}) {
			t.Errorf("%s: error %v", host, err)
		}
	}
	denied := newClient(t, Options{Denied: []netip.Prefix{netip.MustParsePrefix("9.0.0.0/8")}})
	if _, err := get(t.Context(), denied, "9.9.9.9/web:v1"); !sameFailure(err, &Error{Class: Unreachable}) {
		t.Errorf("a network that is denied: error %v", err)
	}
	if calls := s.asked(); len(calls) > 0 {
		t.Errorf("a registry inside was asked: %q", calls)
	}
	if _, err := get(t.Context(), newClient(t, Options{Networks: loopback}), s.host()+"/web:v1"); !sameFailure(err, &Error{Class: Unreachable}) {
		t.Errorf("a certificate of an unknown authority: error %v", err)
	}
}
