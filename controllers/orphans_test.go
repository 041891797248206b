package controllers

import (
	"context"
	"fmt"
	"testing"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
	"github.com/berth-dev/berth/internal/names"
)

// disown removes the owners of an object, as the garbage collector does for --cascade=orphan.
func disown(t *testing.T, o client.Object) {
	t.Helper()
	eventually(t, func(ctx context.Context) error { return api.Get(ctx, key(o), o) })
	patch(t, o, func(o client.Object) { o.SetOwnerReferences(nil) })
}

// ownObjects are all that the controllers have made for an App.
func ownObjects(app *v1alpha1.App) []client.Object {
	return []client.Object{
		routeOf(app), &cmv1.Certificate{ObjectMeta: testobjects.Named(app.Namespace, app.Name)}, tlsSecret(app),
		&corev1.Service{ObjectMeta: testobjects.Named(app.Namespace, app.Name)}, &appsv1.Deployment{ObjectMeta: testobjects.Named(app.Namespace, app.Name)},
	}
}

// What an App or a Domain has goes once that is gone, though the garbage collector has made it nobody's.
func TestOrphansAreDeleted(t *testing.T) {
	t.Parallel()
	makes := map[string]func(t *testing.T, ns string) (client.Object, []client.Object){
		"App": func(t *testing.T, ns string) (client.Object, []client.Object) {
			t.Helper()
			app := running(t, ns)
			return app, ownObjects(app)
		},
		"Domain": func(t *testing.T, ns string) (client.Object, []client.Object) {
			t.Helper()
			domain := newServedDomain(t, ns)
			return domain, siteObjects(domain)[:3]
		},
		"CustomDomain": func(t *testing.T, ns string) (client.Object, []client.Object) {
			t.Helper()
			domain, _ := newCustomDomain(t, ns)
			return domain, []client.Object{routeOf(domain), copyOf(domain)}
		},
	}
	for kind, newOwner := range makes {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			ns := organization(t)
			owner, objects := newOwner(t, ns)
			for _, o := range objects {
				disown(t, o)
			}
			settle()
			for _, o := range objects { // While the owner is there, it has to say what is wrong.
				get(t, o)
			}
			remove(t, owner)
			for _, o := range objects {
				awaitAbsent(t, o)
			}
			awaitAnnounced(t, ns, "Normal OrphanDeleted")
		})
	}
}

// An App does not keep the route that an earlier one of its name has left.
func TestOrphanedRouteOfAnEarlierApp(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := running(t, ns)
	left := orphanedIngress(ns, "www."+ns+".example.com")
	left.Name, left.Labels[v1alpha1.LabelApp] = names.AppRoute(app.Name, "6f1e6b0e-0000-4000-8000-000000000000"), app.Name
	appliedBy(t, v1alpha1.FieldOwner, left)
	awaitAbsent(t, left)
	get(t, routeOf(app))
}

// orphanedIngress is the Ingress of an App that is not there.
func orphanedIngress(ns, host string) *networkingv1.Ingress {
	app := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "gone", UID: "6f1e6b0e-0000-4000-8000-000000000000"}}
	return &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: ns, Name: names.AppRoute(app.Name, app.UID),
			Labels: map[string]string{resources.LabelManagedBy: resources.ManagedBy, v1alpha1.LabelApp: app.Name},
		},
		Spec: networkingv1.IngressSpec{
			Rules: []networkingv1.IngressRule{{Host: host}}, TLS: []networkingv1.IngressTLS{{Hosts: []string{host}}},
		},
	}
}

// appliedBy makes an Ingress by server-side apply, as a manager of its fields.
func appliedBy(t *testing.T, manager string, ingress *networkingv1.Ingress) {
	t.Helper()
	ingress.TypeMeta = metav1.TypeMeta{APIVersion: networkingv1.SchemeGroupVersion.String(), Kind: "Ingress"}
	if err := api.Patch(t.Context(), ingress, client.Apply, client.FieldOwner(manager)); err != nil { //nolint:staticcheck // An object suffices here.
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) error {
		return client.IgnoreNotFound(cached.Get(ctx, key(ingress), &networkingv1.Ingress{}))
	})
}

// Only what Berth has applied, for an App or Domain in an organization, is deleted.
func TestWhatIsNotOrphaned(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		manager string
		change  func(*networkingv1.Ingress)
		outside bool
	}{
		"OtherManager":   {manager: "kubectl"},
		"OtherTool":      {change: func(i *networkingv1.Ingress) { i.Labels[resources.LabelManagedBy] = "Helm" }},
		"OfNoApp":        {change: func(i *networkingv1.Ingress) { delete(i.Labels, v1alpha1.LabelApp) }},
		"OtherOwner":     {change: func(i *networkingv1.Ingress) { i.OwnerReferences = []metav1.OwnerReference{ofConfigMap} }},
		"NoOrganization": {outside: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := namespace(t, nil)
			if !tc.outside {
				ns = organization(t)
			}
			ingress := orphanedIngress(ns, "www."+ns+".example.com")
			if tc.change != nil {
				tc.change(ingress)
			}
			manager := v1alpha1.FieldOwner
			if tc.manager != "" {
				manager = tc.manager
			}
			appliedBy(t, manager, ingress)
			settle()
			get(t, ingress)
		})
	}
	t.Run("Orphaned", func(t *testing.T) { // Or nothing above would be shown.
		t.Parallel()
		ns := organization(t)
		ingress := orphanedIngress(ns, "www."+ns+".example.com")
		appliedBy(t, v1alpha1.FieldOwner, ingress)
		awaitAbsent(t, ingress)
	})
}

var ofConfigMap = metav1.OwnerReference{
	APIVersion: "v1", Kind: "ConfigMap", Name: "other", UID: "6f1e6b0e-0000-4000-8000-000000000001", Controller: new(true),
}

// What was orphaned in a Namespace that is not an organization goes once it is one.
func TestOrphansOfANewOrganization(t *testing.T) {
	t.Parallel()
	ns := namespace(t, nil)
	ingress := orphanedIngress(ns, "www."+ns+".example.com")
	appliedBy(t, v1alpha1.FieldOwner, ingress)
	settle()
	get(t, ingress)
	label(t, ns)
	awaitAbsent(t, ingress)
}

// An orphaned Ingress reserves no host, and the host of one that an earlier version has reserved is free.
func TestOrphanedIngressReservesNoHost(t *testing.T) {
	t.Parallel()
	for _, reserved := range []bool{false, true} {
		t.Run(fmt.Sprint(reserved), func(t *testing.T) {
			t.Parallel()
			// Outside of organizations nothing is deleted, so that there is time to look.
			elsewhere, ns := namespace(t, nil), organization(t)
			ingress := orphanedIngress(elsewhere, "www."+ns+".example.com")
			appliedBy(t, v1alpha1.FieldOwner, ingress)
			claim := &v1alpha1.HostClaim{ObjectMeta: metav1.ObjectMeta{Name: "www." + ns + ".example.com"}}
			if reserved {
				claim.Spec.BoundAt = new(metav1.Now())
				claim.Spec.Holder = &v1alpha1.HostHolder{Kind: v1alpha1.HostHolderIngress, Namespace: elsewhere, Name: ingress.Name}
				create(t, claim)
			}
			settle()
			if reserved {
				get(t, claim)
			} else {
				absent(t, claim)
			}
			domain := newDomain(t, ns, claim.Name, newApp(t, ns).Name)
			label(t, elsewhere)
			awaitAbsent(t, ingress)
			expect(t, domain, status.InProgressStatus, map[string]condition{v1alpha1.ConditionRouteReady: succeeded})
			awaitClaim(t, claim, func(s v1alpha1.HostClaimSpec) bool { return s.Organization == ns })
		})
	}
}
