package controllers

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// What runtimes and registries have said.
func TestWhyAnImageIsNotPulled(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ said, reason string }{
		"Expired": {
			said: `failed to pull and unpack image "a/b:c": failed to resolve reference "a/b:c": unexpected status from HEAD request to ` +
				`https://a/v2/b/manifests/c: 403 Forbidden`,
			reason: v1alpha1.ReasonImagePullDenied,
		},
		"NoLogin": {
			said:   `failed to resolve reference "a/b:c": pull access denied, repository does not exist or may require authorization: no basic auth credentials`,
			reason: v1alpha1.ReasonImagePullDenied,
		},
		"Unauthorized": {
			said:   `failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://a/token: 401 Unauthorized`,
			reason: v1alpha1.ReasonImagePullDenied,
		},
		"OfCRIO":      {said: "reading manifest c in a/b: unauthorized: authentication required", reason: v1alpha1.ReasonImagePullDenied},
		"OfDockerHub": {said: "reading manifest c in b: requested access to the resource is denied", reason: v1alpha1.ReasonImagePullDenied},
		"NotFound": {
			said:   `rpc error: code = NotFound desc = failed to resolve reference "a/b:c": a/b:c: not found`,
			reason: v1alpha1.ReasonImageNotFound,
		},
		"Unknown": {said: "reading manifest c in a/b: manifest unknown", reason: v1alpha1.ReasonImageNotFound},
		"Platform": {
			said:   `failed to pull and unpack image "a/b:c": no match for platform in manifest: not found`,
			reason: v1alpha1.ReasonWrongArchitecture,
		},
		"NoServer": {said: `dial tcp: lookup a: no such host`, reason: v1alpha1.ReasonImagePullFailed},
		"Refused":  {said: `dial tcp 192.0.2.1:443: connect: connection refused`, reason: v1alpha1.ReasonImagePullFailed},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := pullSymptom(&v1alpha1.App{}, tc.said)
			if got.reason != tc.reason || !strings.HasSuffix(got.message, tc.said) {
				t.Errorf("the reason is %s, want %s; the message: %s", got.reason, tc.reason, got.message)
			}
			pod := podWaiting("ErrImagePull", tc.said)
			if denied := isDenied(&corev1.Pod{Status: pod}); denied != (tc.reason == v1alpha1.ReasonImagePullDenied) {
				t.Errorf("a Pod with it counts as denied: %t", denied)
			}
		})
	}
}

func TestAdvice(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		spec v1alpha1.AppSpec
		want string
	}{
		"NoRole":   {v1alpha1.AppSpec{Image: ecrImage}, "name the AWS role"},
		"Role":     {v1alpha1.AppSpec{Image: ecrImage, Registry: &v1alpha1.RegistryAccess{RoleARN: "arn:r"}}, "policies of arn:r"},
		"Login":    {v1alpha1.AppSpec{Image: "a/b", Registry: &v1alpha1.RegistryAccess{CredentialsSecretRef: &v1alpha1.SecretRef{Name: "quay"}}}, "Secret quay"},
		"Secrets":  {v1alpha1.AppSpec{Image: ecrImage, ImagePullSecrets: []v1alpha1.ImagePullSecret{{Name: "s"}}}, "imagePullSecrets"},
		"Anything": {v1alpha1.AppSpec{Image: "a/b"}, "names none"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := advice(&v1alpha1.App{Spec: tc.spec}); !strings.Contains(got, tc.want) {
				t.Errorf("the advice is %q, want one with %q", got, tc.want)
			}
		})
	}
}
