package resources

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// The Deployment says what the port comes from if a registry was asked, and the App stays as it is.
func TestDeploymentAt(t *testing.T) {
	t.Parallel()
	cases := map[PortSource]map[string]string{
		PortFromSpec: nil, PortFromEnv: nil, PortFromDefault: nil,
		PortFromImage: {v1alpha1.AnnotationPortFrom: "image"},
		PortOfNone:    {v1alpha1.AnnotationPortFrom: "none-exposed"},
		PortOfSeveral: {v1alpha1.AnnotationPortFrom: "several-exposed"},
		PortUnknown:   {v1alpha1.AnnotationPortFrom: "unknown"},
	}
	for source, annotations := range cases {
		t.Run(string(source), func(t *testing.T) {
			t.Parallel()
			app := testApp(func(a *v1alpha1.App) { a.Spec.Port = 0 })
			got, err := DeploymentAt(app, Tenant{}, Port{Number: 8080, Source: source})
			if err != nil {
				t.Fatal(err)
			}
			want, err := Deployment(testApp(func(a *v1alpha1.App) { a.Spec.Port = 8080 }), Tenant{})
			if err != nil {
				t.Fatal(err)
			}
			want.Annotations = annotations
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Deployment (-want +got):\n%s", diff)
			}
			if app.Spec.Port != 0 {
				t.Error("the App was changed")
			}
		})
	}
}
