package resources

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// What must not replace Pods must not change their template.
func TestDeploymentStaysTheSame(t *testing.T) {
	t.Parallel()
	role := func(arn string) func(*v1alpha1.App) {
		return func(a *v1alpha1.App) { a.Spec.Registry = &v1alpha1.RegistryAccess{RoleARN: arn} }
	}
	before, err := Deployment(testApp(role("arn:aws:iam::1:role/pull")), Tenant{})
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]func(*v1alpha1.App){
		"Dataset":  func(a *v1alpha1.App) { a.Spec.Dataset = v1alpha1.DatasetTesting },
		"Registry": role("arn:aws:iam::1:role/another"),
		"OtherAnnotations": func(a *v1alpha1.App) {
			a.Annotations = map[string]string{v1alpha1.AnnotationLocationPrefix: "https://"}
		},
		"Status":          func(a *v1alpha1.App) { a.Status.Image = "registry.example.com/other@sha256:00" },
		"DefaultReplicas": func(a *v1alpha1.App) { a.Spec.Replicas = nil },
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			after, err := Deployment(testApp(role("arn:aws:iam::1:role/pull"), change), Tenant{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("Deployment (-before +after):\n%s", diff)
			}
		})
	}
}

func TestPullPolicy(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		image string
		want  corev1.PullPolicy
	}{
		"Latest":       {image: "web", want: corev1.PullAlways},
		"Tag":          {image: "localhost:5000/web:v1", want: corev1.PullAlways},
		"Digest":       {image: "web@sha256:00", want: corev1.PullIfNotPresent},
		"TagAndDigest": {image: "web:v1@sha256:00", want: corev1.PullIfNotPresent},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := pullPolicy(tc.image); got != tc.want {
				t.Errorf("pullPolicy(%q) = %s, want %s", tc.image, got, tc.want)
			}
		})
	}
}

// expand is what the kubelet does to a value, as its documentation has it: $$ is one $, and $(NAME) the value of NAME.
func expand(value string) string {
	return strings.NewReplacer("$$", "$", "$(NAME)", "expanded").Replace(value)
}

func TestLiteral(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"plain", "$(NAME)", "$$(NAME)", "$$$(NAME)", "a$", "$$", "$NAME", "${NAME}", "$($(NAME))"} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			if got := expand(literal(value)); got != value {
				t.Errorf("the container gets %q, want %q", got, value)
			}
		})
	}
}
