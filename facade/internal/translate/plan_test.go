package translate

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/wire"
)

// fields is an entry of managedFields.
func fields(manager string, operation metav1.ManagedFieldsOperationType, set string) metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{
		Manager: manager, Operation: operation, APIVersion: "berth.dev/v1alpha1", FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(set),
	}
}

// restarted is the annotation of a restart.
const restarted = `annotations: {berth.dev/restartedAt: "2026-01-02T03:04:05.000000006Z"}`

// ours is an App that the facade has made, with the value 1 of A in a Secret.
func ours() Observed {
	a := app("shop", v1alpha1.AppSpec{
		Image: "example.com/a:v1", Dataset: v1alpha1.DatasetProduction,
		Env: []v1alpha1.EnvVar{{Name: "A", ValueFrom: &v1alpha1.EnvVarSource{SecretKeyRef: &v1alpha1.KeyRef{Name: "shop-env-old", Key: "A"}}}},
	})
	a.ResourceVersion = "7"
	a.ManagedFields = []metav1.ManagedFieldsEntry{
		fields(v1alpha1.FieldOwnerFacade, metav1.ManagedFieldsOperationApply, `{"f:spec": {"f:image": {}, "f:env": {"k:{\"name\":\"A\"}": {
			".": {}, "f:name": {}, "f:valueFrom": {"f:secretKeyRef": {"f:name": {}, "f:key": {}}}}}}}`),
		{
			Manager:     "berth",
			Operation:   metav1.ManagedFieldsOperationApply,
			APIVersion:  "berth.dev/v1alpha1",
			FieldsType:  "FieldsV1",
			Subresource: "status",
			FieldsV1:    metav1.NewFieldsV1(`{"f:status": {"f:url": {}}}`),
		},
	}
	return Observed{App: a, Secrets: map[string]*corev1.Secret{"shop-env-old": secret(v1alpha1.SecretEnv, map[string]string{"A": "1"})}}
}

func TestChange(t *testing.T) {
	const env = `env: [{name: A, valueFrom: {secretKeyRef: {name: shop-env-old, key: A}}}]`
	cases := map[string]struct {
		reason  string
		body    wire.AppBody
		restart bool
		want    string
	}{
		"Nothing": {reason: "Nothing to set is nothing to write.", want: `{}`},
		"TheSame": {
			body: wire.AppBody{Location: new("example.com/a:v1"), Dataset: new("production"), Env: &[]wire.EnvVar{{Name: "A", Value: "1"}}, RoleName: new("")},
			want: `{}`,
		},
		"Restart": {
			restart: true,
			want:    `{` + restarted + `, spec: {image: "example.com/a:v1", ` + env + `}}`,
		},
		"Location": {
			reason: "What the facade owns is applied again, or the API server would take it away.",
			body:   wire.AppBody{Location: new("https://example.com/a:v2")},
			want:   `{annotations: {berth.dev/location-prefix: "https://"}, spec: {image: "example.com/a:v2", ` + env + `}}`,
		},
		"Role": {
			reason: "A new role restarts, since nothing in the Pods changes by it.",
			body:   wire.AppBody{RoleName: new("arn:aws:iam::1:a")},
			want:   `{` + restarted + `, spec: {image: "example.com/a:v1", registry: {roleARN: "arn:aws:iam::1:a"}, ` + env + `}}`,
		},
		"Dataset": {
			body: wire.AppBody{Dataset: new("testing")},
			want: `{spec: {image: "example.com/a:v1", dataset: testing, ` + env + `}}`,
		},
		"Env": {
			reason: "All values of an App are in one Secret.",
			body:   wire.AppBody{Env: &[]wire.EnvVar{{Name: "B", Value: "2"}, {Name: "A", Value: "1"}}},
			want: `{secret: {B: Mg==, A: MQ==}, spec: {image: "example.com/a:v1", env: [
				{name: B, valueFrom: {secretKeyRef: {name: shop-env-0123456789, key: B}}},
				{name: A, valueFrom: {secretKeyRef: {name: shop-env-0123456789, key: A}}},
			]}}`,
		},
		"NoEnv": {body: wire.AppBody{Env: &[]wire.EnvVar{}}, want: `{spec: {image: "example.com/a:v1"}}`},
		"Domain": {
			body: wire.AppBody{Domain: new("www.example.com")},
			want: `{domain: {host: www.example.com, appRef: {name: shop}}, host: www.example.com}`,
		},
		"DefaultDomain": {body: wire.AppBody{Domain: new("shop.apps.example.com"), FromEmail: new("hello@example.com")}, want: `{}`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			observed := ours()
			plan, err := Change(platform, observed, tc.body, tc.restart, fresh)
			if err != nil {
				t.Fatalf("\n%s\nChange(...): %v", tc.reason, err)
			}
			if plan.App != nil && *plan.App.ResourceVersion != "7" {
				t.Errorf("the plan is for version %s", *plan.App.ResourceVersion)
			}
			if diff := cmp.Diff(tree(t, []byte(tc.want)), summary(t, plan)); diff != "" {
				t.Errorf("\n%s\nChange(...): -want, +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(ours(), observed); diff != "" {
				t.Errorf("it changed what is the cache's:\n%s", diff)
			}
		})
	}
}

// summary is what a plan writes, without what is the same in each.
func summary(t *testing.T, plan Plan) any {
	t.Helper()
	parts := map[string]any{}
	if plan.App != nil {
		if plan.App.Spec != nil {
			parts["spec"] = plan.App.Spec
		}
		if len(plan.App.Annotations) > 0 {
			parts["annotations"] = plan.App.Annotations
		}
	}
	for _, secret := range plan.Secrets {
		parts["secret"] = secret.Data
	}
	if plan.Domain != nil {
		parts["domain"] = plan.Domain.Spec
	}
	if plan.Host != "" {
		parts["host"] = plan.Host
	}
	encoded, err := json.Marshal(parts)
	if err != nil {
		t.Fatal(err)
	}
	return tree(t, encoded)
}

func tree(t *testing.T, text []byte) any {
	t.Helper()
	var value any
	if err := yaml.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// TestChangeOfShared says that a field that somebody else set to the same value as the facade isn't taken from under them.
func TestChangeOfShared(t *testing.T) {
	cases := map[string]struct {
		reason, set string
		operation   metav1.ManagedFieldsOperationType
		body        wire.AppBody
		restart     bool
		want        string
	}{
		"Image":          {set: `{"f:spec": {"f:image": {}}}`, body: wire.AppBody{Location: new("b")}, want: "spec.image is set by argocd; change it there."},
		"ImageUntouched": {reason: "What doesn't change can be anybody's.", set: `{"f:spec": {"f:image": {}}}`, body: wire.AppBody{Dataset: new("testing")}},
		"Removal": {
			set:  `{"f:spec": {"f:env": {"k:{\"name\":\"A\"}": {".": {}, "f:name": {}}}}}`,
			body: wire.AppBody{Env: &[]wire.EnvVar{}},
			want: `spec.env[name="A"] is set by argocd; change it there.`,
		},
		"Prefix": {
			set:  `{"f:metadata": {"f:annotations": {"f:berth.dev/location-prefix": {}}}}`,
			body: wire.AppBody{Location: new("https://example.com/a:v1")},
			want: "metadata.annotations.berth.dev/location-prefix is set by argocd; change it there.",
		},
		"Restart": {
			set:     `{"f:metadata": {"f:annotations": {"f:berth.dev/restartedAt": {}}}}`,
			restart: true,
			want:    "metadata.annotations.berth.dev/restartedAt is set by argocd; change it there.",
		},
		"RestartByHand": {
			reason: "kubectl annotate is an event, which the next one follows.", operation: metav1.ManagedFieldsOperationUpdate,
			set: `{"f:metadata": {"f:annotations": {"f:berth.dev/restartedAt": {}}}}`, restart: true,
		},
		"ImageByHand": {
			operation: metav1.ManagedFieldsOperationUpdate,
			set:       `{"f:spec": {"f:image": {}}}`,
			body:      wire.AppBody{Location: new("b")},
			want:      "spec.image is set by argocd; change it there.",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			observed := ours()
			operation := tc.operation
			if operation == "" {
				operation = metav1.ManagedFieldsOperationApply
			}
			observed.App.ManagedFields = append(observed.App.ManagedFields, fields("argocd", operation, tc.set))
			plan, err := Change(platform, observed, tc.body, tc.restart, fresh)
			got := ""
			if e, ok := errors.AsType[*apierr.Error](err); ok {
				got = e.Detail
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("\n%s\nChange(...): -want, +got:\n%s", tc.reason, diff)
			}
			if force := tc.operation == metav1.ManagedFieldsOperationUpdate && tc.restart; plan.Force != force {
				t.Errorf("\n%s\nChange(...): force is %t, want %t", tc.reason, plan.Force, force)
			}
		})
	}
}

func TestBrokenManagedFields(t *testing.T) {
	observed := ours()
	observed.App.ManagedFields = append(observed.App.ManagedFields, fields("argocd", metav1.ManagedFieldsOperationApply, `{"x": {}}`))
	if _, err := Change(platform, observed, wire.AppBody{}, true, fresh); err == nil {
		t.Error("Change(...): no error for managed fields that can't be read")
	}
}

func TestCreateIncomplete(t *testing.T) {
	_, err := Create(platform, "cowork", wire.AppBody{}, Observed{}, fresh)
	e, ok := errors.AsType[*apierr.Error](err)
	if !ok {
		t.Fatalf("Create(...): got %v, want a 400", err)
	}
	want := apierr.Fields{"slug": {"This field is required."}, "location": {"This field is required."}}
	if diff := cmp.Diff(want, e.Fields); diff != "" {
		t.Errorf("Create(...): -want, +got:\n%s", diff)
	}
}
