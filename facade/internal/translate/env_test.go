package translate

import (
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/wire"
)

const (
	ownPortEntry = `"f:env": {"k:{\"name\":\"PORT\"}": {".": {}, "f:name": {}, "f:valueFrom": {"f:secretKeyRef": {"f:name": {}, "f:key": {}}}}}`
	ownPort      = `"f:port": {}`
)

// onPort is an App with the value of PORT in a Secret and a port in its spec; owned are the fields of its spec that the facade has applied, beside
// the image, and theirs those of another field manager.
func onPort(value string, port int32, owned, theirs string) Observed {
	a := app("shop", v1alpha1.AppSpec{Image: "example.com/a:v1", Dataset: v1alpha1.DatasetProduction, Port: port})
	if value != "" {
		from := &v1alpha1.EnvVarSource{SecretKeyRef: &v1alpha1.KeyRef{Name: "shop-env-old", Key: "PORT"}}
		a.Spec.Env = []v1alpha1.EnvVar{{Name: "PORT", ValueFrom: from}}
	}
	if owned != "" {
		owned = ", " + owned
	}
	a.ManagedFields = []metav1.ManagedFieldsEntry{
		fields(v1alpha1.FieldOwnerFacade, metav1.ManagedFieldsOperationApply, `{"f:spec": {"f:image": {}`+owned+`}}`),
	}
	if theirs != "" {
		a.ManagedFields = append(a.ManagedFields, fields("flux", metav1.ManagedFieldsOperationApply, `{"f:spec": {`+theirs+`}}`))
	}
	return Observed{App: a, Secrets: map[string]*corev1.Secret{"shop-env-old": secret(v1alpha1.SecretEnv, map[string]string{"PORT": value})}}
}

func TestChangePort(t *testing.T) {
	t.Parallel()
	set := func(value string) *[]wire.EnvVar { return &[]wire.EnvVar{{Name: "PORT", Value: value}} }
	none := &[]wire.EnvVar{}
	const ref = `env: [{name: PORT, valueFrom: {secretKeyRef: {name: shop-env-0123456789, key: PORT}}}]`
	const kept = `env: [{name: PORT, valueFrom: {secretKeyRef: {name: shop-env-old, key: PORT}}}]`
	const image = `image: "example.com/a:v1", `
	cases := map[string]struct {
		reason   string
		observed Observed
		env      *[]wire.EnvVar
		want     string
	}{
		"First": {
			observed: onPort("", 0, "", ""), env: set("3000"),
			want: `{secret: {PORT: MzAwMA==}, spec: {` + image + `port: 3000, ` + ref + `}}`,
		},
		"Other": {
			observed: onPort("3000", 3000, ownPortEntry+","+ownPort, ""), env: set("3001"),
			want: `{secret: {PORT: MzAwMQ==}, spec: {` + image + `port: 3001, ` + ref + `}}`,
		},
		"Same":  {observed: onPort("3000", 3000, ownPortEntry+","+ownPort, ""), env: set("3000"), want: `{}`},
		"NoEnv": {reason: "What a body does not name stays.", observed: onPort("3000", 3000, ownPortEntry+","+ownPort, ""), want: `{}`},
		"Gone":  {observed: onPort("3000", 3000, ownPortEntry+","+ownPort, ""), env: none, want: `{spec: {image: "example.com/a:v1"}}`},
		"Empty": {observed: onPort("3000", 3000, ownPortEntry+","+ownPort, ""), env: set(""), want: `{secret: {PORT: ""}, spec: {` + image + ref + `}}`},
		"Stored": {
			reason: "No one has set the port that the former default has written.", observed: onPort("3000", 80, ownPortEntry, ""), env: set("3000"),
			want: `{spec: {` + image + `port: 3000, ` + kept + `}}`,
		},
		"StoredIsRight": {
			observed: onPort("", 80, "", ""), env: set("80"), want: `{secret: {PORT: ODA=}, spec: {` + image + ref + `}}`,
		},
		"Theirs": {
			reason: "A port that another has set stays, if the program listens there.", observed: onPort("", 8080, "", ownPort), env: set("8080"),
			want: `{secret: {PORT: ODA4MA==}, spec: {` + image + ref + `}}`,
		},
		"TheirsDiffersAlready": {
			reason: "What changes nothing is no conflict.", observed: onPort("9000", 8080, ownPortEntry, ownPort), env: set("9000"), want: `{}`,
		},
		"TheirsAndGone": {observed: onPort("9000", 8080, ownPortEntry, ownPort), env: none, want: `{spec: {image: "example.com/a:v1"}}`},
		"SharedAndGone": {
			reason: "The facade gives up its share of the port.", observed: onPort("8080", 8080, ownPortEntry+","+ownPort, ownPort), env: none,
			want: `{spec: {image: "example.com/a:v1"}}`,
		},
		"TheirVariable": {
			reason: "A variable of another is read by the controllers.", observed: onPort("9000", 0, "", ownPortEntry), env: set("9000"), want: `{}`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan, err := Change(platform, tc.observed, wire.AppBody{Env: tc.env}, false, fresh)
			if err != nil {
				t.Fatalf("\n%s\nChange(...): %v", tc.reason, err)
			}
			if diff := cmp.Diff(tree(t, []byte(tc.want)), summary(t, plan)); diff != "" {
				t.Errorf("\n%s\nChange(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestPortIsRefused(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		observed Observed
		value    string
		want     apierr.Error
	}{
		"Word":     {observed: onPort("", 0, "", ""), value: "abc"},
		"Zero":     {observed: onPort("", 0, "", ""), value: "0"},
		"TooHigh":  {observed: onPort("", 0, "", ""), value: "65536"},
		"Blank":    {observed: onPort("", 0, "", ""), value: " 3000"},
		"Negative": {observed: onPort("", 0, "", ""), value: "-1"},
		"Decimal":  {observed: onPort("", 0, "", ""), value: "3000.0"},
		"BesideTheirs": {
			observed: onPort("", 8080, "", ownPort), value: "9000",
			want: apierr.Error{Status: http.StatusConflict, Detail: "spec.port is set by flux; change it there."},
		},
		"ChangesBesideTheirs": {
			observed: onPort("8080", 8080, ownPortEntry, ownPort), value: "9000",
			want: apierr.Error{Status: http.StatusConflict, Detail: "spec.port is set by flux; change it there."},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tc.want.Status == 0 {
				const message = "PORT must be a number from 1 to 65535."
				tc.want = apierr.Error{Status: http.StatusBadRequest, Detail: "env: " + message, Fields: apierr.Fields{"env": {message}}}
			}
			_, err := Change(platform, tc.observed, wire.AppBody{Env: &[]wire.EnvVar{{Name: "PORT", Value: tc.value}}}, false, fresh)
			got, ok := errors.AsType[*apierr.Error](err)
			if !ok {
				t.Fatalf("error %v, want %+v", err, tc.want)
			}
			if diff := cmp.Diff(tc.want, apierr.Error{Status: got.Status, Detail: got.Detail, Fields: got.Fields}, cmp.AllowUnexported(apierr.Error{})); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}
