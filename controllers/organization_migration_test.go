package controllers

import (
	"context"
	"maps"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
	"github.com/berth-dev/berth/internal/policy"
	"github.com/berth-dev/berth/internal/rbac"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

// labelled makes a Namespace that was an organization before Organizations were a kind.
func labelled(t *testing.T, labels, annotations map[string]string) *corev1.Namespace {
	t.Helper()
	ns := nsNamed(namespace(t, labels))
	patch(t, ns, func(client.Object) {
		ns.Annotations = map[string]string{v1alpha1.AnnotationExternalID: "kept", v1alpha1.AnnotationVerificationToken: "kept-too"}
		maps.Copy(ns.Annotations, annotations)
	})
	return ns
}

// An organization of an earlier version becomes an Organization by itself, and nothing else changes.
func TestLabelledNamespaceBecomesAnOrganization(t *testing.T) {
	t.Parallel()
	ns := labelled(t, map[string]string{policy.LabelPodSecurity: "restricted"}, map[string]string{
		"berth.dev/quota": "pods=20, requests.memory=8Gi", "berth.dev/default-requests": "cpu=50m", "berth.dev/default-limits": "many",
	})
	for _, ref := range []v1alpha1.IssuerRef{{Name: "corporate"}, {Name: "own", Kind: "Issuer"}, {Name: "corporate"}} {
		create(t, &v1alpha1.Domain{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, GenerateName: "domain-"},
			Spec: v1alpha1.DomainSpec{
				Host: ns.Name + ".example.com", AppRef: v1alpha1.AppRef{Name: "web"}, TLS: &v1alpha1.DomainTLS{IssuerRef: &ref},
			},
		})
	}
	eventually(t, func(ctx context.Context) error {
		var domains v1alpha1.DomainList
		if err := cached.List(ctx, &domains, client.InNamespace(ns.Name)); err != nil || len(domains.Items) < 3 {
			return errNotYet
		}
		return nil
	})
	mark(t, ns.Name)
	org := orgNamed(ns.Name)
	eventually(t, func(ctx context.Context) error { return api.Get(ctx, key(org), org) })
	expect(t, org, status.CurrentStatus, readyOrganization)
	want := v1alpha1.OrganizationSpec{
		Trusted: new(true), PodSecurity: v1alpha1.PodSecurityRestricted,
		Quota: testobjects.Amounts("pods", "20", "requests.memory", "8Gi"), DefaultRequests: testobjects.Amounts("cpu", "50m"),
		AllowedIssuers: org.Spec.AllowedIssuers,
	}
	if !equality.Semantic.DeepEqual(want, org.Spec) {
		t.Errorf("spec (-want +got):\n%s", cmp.Diff(want, org.Spec))
	}
	if len(org.Spec.AllowedIssuers) != 2 {
		t.Errorf("it allows the issuers %v, want the two that its Domains name", org.Spec.AllowedIssuers)
	}
	if org.Status.ExternalID != "kept" || org.Status.VerificationToken != "kept-too" || org.Status.UserNamespaces != v1alpha1.UserNamespacesDisabled {
		t.Errorf("status %+v, want the ids of before and no user namespaces", org.Status)
	}
	if got := org.Annotations[v1alpha1.AnnotationMigratedFrom]; got != ns.Name {
		t.Errorf("annotation %s: got %q, want the Namespace: the facade has to know that there may be keys of before", v1alpha1.AnnotationMigratedFrom, got)
	}
	told(t, "Namespace", ns.Name, v1alpha1.ReasonOrganizationCreated, "Ignored invalid annotations: berth.dev/default-limits")
	told(t, "Organization", ns.Name, v1alpha1.ReasonNamespaceAdopted, ns.Name)
}

// An installation that is upgraded keeps its objects as they are, and its Pods run on.
func TestMigrationChangesNothing(t *testing.T) {
	t.Parallel()
	ns := nsNamed(organization(t, func(s *v1alpha1.OrganizationSpec) { s.Quota = testobjects.Amounts("count/pods", "20") }))
	app := newApp(t, ns.Name)
	deployment := awaitDeployment(t, app)
	expect(t, orgNamed(ns.Name), status.CurrentStatus, readyOrganization)
	objects := []client.Object{&corev1.ResourceQuota{ObjectMeta: testobjects.Named(ns.Name, "berth")}}
	for _, b := range rbac.Bindings(ns.Name, testenv.Namespace) {
		objects = append(objects, roleBinding(ns.Name, b.Name))
	}
	uids := map[string]types.UID{}
	for _, o := range objects[:1] {
		get(t, o)
		uids[o.GetName()] = o.GetUID()
	}
	// It is as before the upgrade: a Namespace that knows of no Organization.
	orphan(t, ns.Name)
	for _, o := range objects[1:] {
		awaitAbsent(t, o)
	}
	patch(t, ns, func(client.Object) {
		ns.OwnerReferences = nil
		delete(ns.Annotations, v1alpha1.AnnotationOrganizationUID)
		metav1.SetMetaDataAnnotation(&ns.ObjectMeta, "berth.dev/quota", "count/pods=20")
	})
	org := orgNamed(ns.Name)
	eventually(t, func(ctx context.Context) error { return api.Get(ctx, key(org), org) })
	expect(t, org, status.CurrentStatus, readyOrganization)
	for _, o := range objects[:1] {
		get(t, o)
		if o.GetUID() != uids[o.GetName()] {
			t.Errorf("%T %s was made again", o, o.GetName())
		}
	}
	patch(t, app, func(client.Object) { metav1.SetMetaDataAnnotation(&app.ObjectMeta, "example.com/touched", "yes") })
	expect(t, app, status.InProgressStatus, map[string]condition{v1alpha1.ConditionReady: working})
	after := &appsv1.Deployment{ObjectMeta: testobjects.Named(ns.Name, app.Name)}
	get(t, after)
	if diff := cmp.Diff(deployment.Spec.Template, after.Spec.Template); diff != "" || after.UID != deployment.UID {
		t.Errorf("the Pod template changed (-before +after):\n%s", diff)
	}
}

// One whose Organization was deleted, with --cascade=orphan, stays without; so does one that never had an external id.
func TestNamespaceIsNotMigratedTwice(t *testing.T) {
	t.Parallel()
	orphan := labelled(t, nil, map[string]string{v1alpha1.AnnotationOrganizationUID: "1-2-3"})
	mark(t, orphan.Name)
	plain := namespace(t, nil)
	mark(t, plain)
	settle()
	absent(t, orgNamed(orphan.Name))
	absent(t, orgNamed(plain))
}
