package translate

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/wire"
)

// hidden is an App as a caller without the right to values sees it: A and PORT are of the facade, LITERAL and REF of Git.
func hidden() Observed {
	from := func(name, key string) *v1alpha1.EnvVarSource {
		return &v1alpha1.EnvVarSource{SecretKeyRef: &v1alpha1.KeyRef{Name: name, Key: key}}
	}
	a := app("shop", v1alpha1.AppSpec{
		Image: "example.com/a:v1", Dataset: v1alpha1.DatasetProduction, Port: 3000,
		Env: []v1alpha1.EnvVar{
			{Name: "A", ValueFrom: from("shop-env-old", "A")},
			{Name: "PORT", ValueFrom: from("shop-env-old", "PORT")},
			{Name: "LITERAL", Value: new("plain")},
			{Name: "REF", ValueFrom: from("of-git", "b")},
		},
	})
	const entry = `{".": {}, "f:name": {}, "f:valueFrom": {"f:secretKeyRef": {"f:name": {}, "f:key": {}}}}`
	a.ManagedFields = []metav1.ManagedFieldsEntry{
		fields(v1alpha1.FieldOwnerFacade, metav1.ManagedFieldsOperationApply,
			`{"f:spec": {"f:image": {}, "f:port": {}, "f:env": {"k:{\"name\":\"A\"}": `+entry+`, "k:{\"name\":\"PORT\"}": `+entry+`}}}`),
		fields("flux", metav1.ManagedFieldsOperationApply, `{"f:spec": {"f:env": {
			"k:{\"name\":\"LITERAL\"}": {".": {}, "f:name": {}, "f:value": {}}, "k:{\"name\":\"REF\"}": `+entry+`}}}`),
	}
	return Observed{
		App: a, ValuesHidden: true,
		Secrets: map[string]*corev1.Secret{"shop-env-old": secret(v1alpha1.SecretEnv, map[string]string{"A": "1", "PORT": "3000"})},
	}
}

func TestHiddenValuesAreNotShown(t *testing.T) {
	t.Parallel()
	observed := hidden()
	want := []wire.EnvVar{{Name: "A"}, {Name: "PORT"}, {Name: "LITERAL"}, {Name: "REF"}}
	if diff := cmp.Diff(want, ToWire(platform, observed).Env); diff != "" {
		t.Errorf("ToWire(...): -want, +got:\n%s", diff)
	}
	if got, want := SizeOfApp(observed), 4*variableOverhead+len("APORTLITERALREF"); got != want {
		t.Errorf("SizeOfApp(...): got %d, want %d: the answer has no values", got, want)
	}
	observed.ValuesHidden = false
	want = []wire.EnvVar{{Name: "A", Value: "1"}, {Name: "PORT", Value: "3000"}, {Name: "LITERAL", Value: "plain"}, {Name: "REF"}}
	if diff := cmp.Diff(want, ToWire(platform, observed).Env); diff != "" {
		t.Errorf("ToWire(...) of one who may see them: -want, +got:\n%s", diff)
	}
}

// What a caller without the right sends back as it was read keeps its value; what it sends otherwise is set, without a comparison that would tell
// whether the value was guessed.
func TestChangeOfHiddenValues(t *testing.T) {
	t.Parallel()
	env := func(pairs ...string) *[]wire.EnvVar {
		all := []wire.EnvVar{}
		for _, pair := range pairs {
			name, value, _ := strings.Cut(pair, "=")
			all = append(all, wire.EnvVar{Name: name, Value: value})
		}
		return &all
	}
	entry := func(name string) string {
		return `{name: ` + name + `, valueFrom: {secretKeyRef: {name: shop-env-0123456789, key: ` + name + `}}}`
	}
	const image = `image: "example.com/a:v1"`
	missing := func(o *Observed) { o.Secrets = nil }
	cases := map[string]struct {
		reason string
		given  func(*Observed)
		env    *[]wire.EnvVar
		want   string
	}{
		"AsRead": {env: env("A", "PORT", "LITERAL", "REF"), want: `{}`},
		"NoEnv":  {want: `{}`},
		"Other": {
			reason: "The rest keeps its values, though they go to another Secret.", env: env("A=2", "PORT", "LITERAL", "REF"),
			want: `{secret: {A: Mg==, PORT: MzAwMA==}, spec: {` + image + `, port: 3000, env: [` + entry("A") + `, ` + entry("PORT") + `]}}`,
		},
		"Guessed": {
			reason: "The same value is a change, so that nobody can try values.", env: env("A=1", "PORT", "LITERAL", "REF"),
			want: `{secret: {A: MQ==, PORT: MzAwMA==}, spec: {` + image + `, port: 3000, env: [` + entry("A") + `, ` + entry("PORT") + `]}}`,
		},
		"More": {
			env: env("A", "PORT", "LITERAL", "REF", "B=3", "C="),
			want: `{secret: {A: MQ==, PORT: MzAwMA==, B: Mw==, C: ""}, spec: {` + image + `, port: 3000, env: [` +
				strings.Join([]string{entry("A"), entry("PORT"), entry("B"), entry("C")}, ", ") + `]}}`,
		},
		"Order": {
			env:  env("PORT", "A", "LITERAL", "REF"),
			want: `{secret: {A: MQ==, PORT: MzAwMA==}, spec: {` + image + `, port: 3000, env: [` + entry("PORT") + `, ` + entry("A") + `]}}`,
		},
		"Less": {
			env:  env("PORT", "LITERAL", "REF"),
			want: `{secret: {PORT: MzAwMA==}, spec: {` + image + `, port: 3000, env: [` + entry("PORT") + `]}}`,
		},
		"OtherPort": {
			env:  env("A", "PORT=4000", "LITERAL", "REF"),
			want: `{secret: {A: MQ==, PORT: NDAwMA==}, spec: {` + image + `, port: 4000, env: [` + entry("A") + `, ` + entry("PORT") + `]}}`,
		},
		"NoPort": {
			env:  env("A", "LITERAL", "REF"),
			want: `{secret: {A: MQ==}, spec: {` + image + `, env: [` + entry("A") + `]}}`,
		},
		"NotInCache": {
			reason: "A value that isn't there yet is not lost: the variable goes on naming its Secret.", given: missing,
			env: env("A", "PORT", "LITERAL", "REF", "B=3"),
			want: `{secret: {B: Mw==}, spec: {` + image + `, port: 3000, env: [
				{name: A, valueFrom: {secretKeyRef: {name: shop-env-old, key: A}}},
				{name: PORT, valueFrom: {secretKeyRef: {name: shop-env-old, key: PORT}}}, ` + entry("B") + `]}}`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			observed := hidden()
			if tc.given != nil {
				tc.given(&observed)
			}
			plan, err := Change(platform, observed, wire.AppBody{Env: tc.env}, false, fresh)
			if err != nil {
				t.Fatalf("\n%s\nChange(...): %v", tc.reason, err)
			}
			if diff := cmp.Diff(tree(t, []byte(tc.want)), summary(t, plan)); diff != "" {
				t.Errorf("\n%s\nChange(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestChangeOfHiddenValuesIsRefused(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("x", 100<<10)
	bodies := map[string]struct {
		reason string
		given  func(*Observed)
		env    []wire.EnvVar
		want   int
	}{
		"GuessOfTheirs": {
			reason: "The right guess is as much of a conflict as a wrong one.",
			env:    []wire.EnvVar{{Name: "A"}, {Name: "PORT"}, {Name: "LITERAL", Value: "plain"}, {Name: "REF"}}, want: http.StatusConflict,
		},
		"RemovalOfTheirs": {env: []wire.EnvVar{{Name: "A"}, {Name: "PORT"}, {Name: "REF"}}, want: http.StatusConflict},
		"NoPort": {
			env: []wire.EnvVar{{Name: "A"}, {Name: "PORT", Value: "abc"}, {Name: "LITERAL"}, {Name: "REF"}}, want: http.StatusBadRequest,
		},
		"TooMuchTogether": {
			reason: "A body that fits alone may not fit with what it keeps.",
			given:  func(o *Observed) { o.Secrets["shop-env-old"].Data["A"] = []byte(strings.Repeat("y", 990<<10)) },
			env:    []wire.EnvVar{{Name: "A"}, {Name: "PORT"}, {Name: "LITERAL"}, {Name: "REF"}, {Name: "B", Value: large}}, want: http.StatusBadRequest,
		},
	}
	for name, tc := range bodies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			observed := hidden()
			if tc.given != nil {
				tc.given(&observed)
			}
			_, err := Change(platform, observed, wire.AppBody{Env: &tc.env}, false, fresh)
			if got, ok := errors.AsType[*apierr.Error](err); !ok || got.Status != tc.want {
				t.Errorf("\n%s\nChange(...): got error %v, want a %d", tc.reason, err, tc.want)
			}
		})
	}
}
