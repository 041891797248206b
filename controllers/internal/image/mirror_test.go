package image

import (
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

// A mirror is asked in place of a registry, with the login for the registry, over plain HTTP if it says so.
func TestMirror(t *testing.T) {
	t.Parallel()
	s := serve(t, wants)
	s.push(t, "library/web:v1", imageOf(t, "amd64", "8080/tcp"))
	plain := httptest.NewServer(s.Config.Handler)
	t.Cleanup(plain.Close)
	cases := map[string]struct{ mirror, reference, login string }{
		"Plain":     {mirror: "registry.example.com:5000=" + plain.URL, reference: "registry.example.com:5000/library/web:v1", login: "registry.example.com:5000"},
		"TLS":       {mirror: "registry.example.com=" + s.URL + "/", reference: "registry.example.com/library/web:v1", login: "registry.example.com"},
		"Loopback":  {mirror: "127.0.0.1:1=" + plain.URL, reference: "127.0.0.1:1/library/web:v1", login: "127.0.0.1:1"},
		"DockerHub": {mirror: "docker.io=" + plain.URL, reference: "web:v1", login: "https://index.docker.io/v1/"},
		"HubAlias":  {mirror: "docker.io=" + plain.URL, reference: "docker.io/library/web:v1", login: "docker.io"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mirror, err := ParseMirror(tc.mirror)
			if err != nil {
				t.Fatal(err)
			}
			login, err := Login(t.Context(), []corev1.Secret{pullSecret(tc.login, user, password)})
			if err != nil {
				t.Fatal(err)
			}
			c := newClient(t, Options{Authorities: s.authority(), Mirrors: []Mirror{mirror}})
			got, err := c.Get(t.Context(), tc.reference, login)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]int32{8080}, got.Ports); diff != "" {
				t.Errorf("ports (-want +got):\n%s", diff)
			}
			if _, err := c.Get(t.Context(), tc.reference+"@"+got.Digest, login); err != nil {
				t.Errorf("by digest: %v", err)
			}
		})
	}
}

func TestParseMirror(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "a=http://", "registry.example.com", "=http://a", "registry.example.com=a:5000", "a/b=http://a", "a=ftp://a", "a=http://u:p@a", "a=http://a/b",
		"a=http://a?b",
	} {
		if m, err := ParseMirror(text); err == nil {
			t.Errorf("ParseMirror(%q) = %v, want an error", text, m)
		}
	}
	got, err := ParseMirror("Registry.example.com:5000=https://10.0.0.1:5000/")
	if err != nil || got.Host != "registry.example.com:5000" || got.URL.String() != "https://10.0.0.1:5000" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestAuthoritiesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	if _, err := NewClient(Options{Authorities: []byte("x")}); err == nil {
		t.Error("NewClient succeeded, want an error")
	}
}
