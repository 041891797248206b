package app

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
)

// What a registry has said comes to a reason, and of its words nothing is told.
func TestWhyAnImageIsNotPulled(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ said, reason, message string }{
		"Denied": {
			said:   `failed to resolve reference "a.io/b:c": unexpected status from HEAD request to https://a.io/v2/b/manifests/c: 403 Forbidden`,
			reason: v1alpha1.ReasonImagePullDenied, message: "The registry denied access (HTTP status 403). It may want a login, and the App names none.",
		},
		"NotFound": {
			said: `failed to resolve reference "a/b:c": a/b:c: not found`, reason: v1alpha1.ReasonImageNotFound, message: "The registry does not have the image.",
		},
		"Platform": {
			said: `no match for platform in manifest: not found`, reason: v1alpha1.ReasonExecFormatError,
			message: "The image is not made for the processors of the nodes.",
		},
		"Refused":  {said: `dial tcp 192.0.2.1:443: connect: connection refused`, reason: v1alpha1.ReasonImagePullFailed, message: testobjects.Unreachable},
		"Filtered": {said: `dial tcp 192.0.2.1:443: i/o timeout`, reason: v1alpha1.ReasonImagePullFailed, message: testobjects.Unreachable},
		"NoServer": {said: `dial tcp: lookup a: no such host`, reason: v1alpha1.ReasonImagePullFailed, message: testobjects.Unreachable},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for reason, said := range map[string]string{"ErrImagePull": tc.said, "ImagePullBackOff": `Back-off pulling image "a": ErrImagePull: ` + tc.said} {
				got := pullSymptom(&v1alpha1.App{Spec: v1alpha1.AppSpec{Image: "a.io/b:c"}}, &corev1.ContainerStateWaiting{Reason: reason, Message: said})
				if diff := cmp.Diff([]string{tc.reason, tc.message}, []string{got.reason, got.message}); diff != "" {
					t.Errorf("%s: reason and message (-want +got):\n%s", reason, diff)
				}
			}
			pod := testobjects.PodWaiting("ErrImagePull", tc.said)
			pod.ContainerStatuses[0].Image = "a.io/b:c"
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
		"NoRole":   {v1alpha1.AppSpec{Image: testobjects.ECRImage}, "name the AWS role"},
		"Role":     {v1alpha1.AppSpec{Image: testobjects.ECRImage, Registry: &v1alpha1.RegistryAccess{RoleARN: "arn:r"}}, "policies of arn:r"},
		"Login":    {v1alpha1.AppSpec{Image: "a/b", Registry: &v1alpha1.RegistryAccess{CredentialsSecretRef: &v1alpha1.SecretRef{Name: "quay"}}}, "Secret quay"},
		"Secrets":  {v1alpha1.AppSpec{Image: testobjects.ECRImage, ImagePullSecrets: []v1alpha1.ImagePullSecret{{Name: "s"}}}, "imagePullSecrets"},
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
