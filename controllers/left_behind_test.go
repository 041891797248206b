package controllers

import (
	"context"
	"strings"
	"testing"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/exposure"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
	"github.com/berth-dev/berth/controllers/secretgc"
)

// issuedTo makes an App and a Domain of a Namespace and returns one of the two and its Certificate, which is issued.
func issuedTo(t *testing.T, kind string) (client.Object, *cmv1.Certificate) {
	t.Helper()
	ns := organization(t)
	app := newApp(t, ns)
	var owner client.Object = app
	certificate := &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, app.Name)}
	if kind == "Domain" {
		domain := newDomain(t, ns, "www."+ns+".example.com", app.Name)
		owner, certificate.Name = domain, domain.Name+".domain"
	}
	certify(t, ns, certificate.Name)
	get(t, certificate)
	awaitOwned(t, &corev1.Secret{ObjectMeta: testobjects.Named(ns, certificate.Spec.SecretName)}, owner)
	return owner, certificate
}

// The Secret that cert-manager makes anew while its Certificate is about to go, goes too: whatever goes last, and whenever it is made.
func TestSecretsThatCertManagerLeavesBehind(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"App", "Domain"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			owner, certificate := issuedTo(t, kind)
			secret := &corev1.Secret{ObjectMeta: testobjects.Named(owner.GetNamespace(), certificate.Spec.SecretName)}
			// A reconcile that has begun before would take away all that the owner has, which is right and not what this is about.
			quiesce(t, owner.GetNamespace())
			// The garbage collector, which the tests have not, would delete both of these, in no order.
			remove(t, owner)
			eventually(t, func(ctx context.Context) error {
				if err := cached.Get(ctx, key(owner), owner); !apierrors.IsNotFound(err) {
					return errNotYet
				}
				return nil
			})
			quiesce(t, owner.GetNamespace())
			remove(t, secret)
			again := issue(t, certificate)
			quiesce(t, owner.GetNamespace())
			unchanged(t, again) // Without it, cert-manager would make another one.
			remove(t, certificate)
			awaitAbsent(t, again)
			issue(t, certificate) // cert-manager may be late.
			awaitAbsent(t, again)
		})
	}
}

// What has an owner that waits for all that it owns goes once the owner begins to go, and so does what cert-manager makes again late.
func TestSecretLeftBehindByAnOwnerThatWaits(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"App", "Domain"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			owner, certificate := issuedTo(t, kind)
			patch(t, owner, func(o client.Object) { o.SetFinalizers([]string{"example.com/wait"}) })
			remove(t, owner)
			awaitGoing(t, owner)
			awaitAbsent(t, &corev1.Secret{ObjectMeta: testobjects.Named(owner.GetNamespace(), certificate.Spec.SecretName)})
			// A reconcile that has begun before would adopt the Secret, which leaves it to the garbage collector.
			quiesce(t, owner.GetNamespace())
			again := issue(t, certificate)
			awaitAbsent(t, again)
			patch(t, owner, func(o client.Object) { o.SetFinalizers(nil) })
		})
	}
}

// Only what cert-manager has written for Berth is deleted, and only once nothing owns or writes it any more.
func TestSecretsThatAreNotLeftBehind(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := newApp(t, ns)
	domain := newDomain(t, ns, "www."+ns+".example.com", app.Name)
	// A Certificate that has lost its owner is still cert-manager's to issue.
	orphan := &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, "orphan"), Spec: cmv1.CertificateSpec{SecretName: "orphan-tls", IssuerRef: testIssuer}}
	orphan.Spec.DNSNames = []string{"orphan.example.com"}
	create(t, orphan)
	ours := &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, "ours"), Spec: *orphan.Spec.DeepCopy()}
	ours.Spec.SecretName = "written"
	ours.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(app, v1alpha1.GroupVersion.WithKind("App"))}
	create(t, ours)
	for _, o := range []client.Object{app, domain, orphan, ours, &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, app.Name)}} {
		eventually(t, func(ctx context.Context) error { return cached.Get(ctx, key(o), o) })
	}
	cases := map[string]struct {
		change func(*corev1.Secret)
		kept   bool
	}{
		"LeftByApp": {change: func(*corev1.Secret) {}},
		"LeftByDomain": {change: func(s *corev1.Secret) {
			delete(s.Labels, v1alpha1.LabelApp)
			s.Labels[v1alpha1.LabelDomain] = "6f1e6b0e-0000-4000-8000-000000000000"
		}},
		"LeftByAnEarlierApp": {change: func(s *corev1.Secret) {
			s.Labels[v1alpha1.LabelApp], s.Annotations[cmv1.CertificateNameKey] = app.Name, app.Name
		}},
		"OfALiveApp": {kept: true, change: func(s *corev1.Secret) { s.Name, s.Labels[v1alpha1.LabelApp] = tlsSecret(app).Name, app.Name }},
		"OfALiveDomain": {kept: true, change: func(s *corev1.Secret) {
			delete(s.Labels, v1alpha1.LabelApp)
			s.Labels[v1alpha1.LabelDomain] = string(domain.UID)
		}},
		"OfNobody":  {kept: true, change: func(s *corev1.Secret) { delete(s.Labels, v1alpha1.LabelApp) }},
		"Users":     {kept: true, change: func(s *corev1.Secret) { delete(s.Labels, resources.LabelManagedBy) }},
		"Others":    {kept: true, change: func(s *corev1.Secret) { s.Labels[resources.LabelManagedBy] = "Helm" }},
		"Unwritten": {kept: true, change: func(s *corev1.Secret) { s.Annotations = nil }},
		"Written":   {kept: true, change: func(s *corev1.Secret) { s.Annotations[cmv1.CertificateNameKey] = ours.Name }},
		"Orphans":   {kept: true, change: func(s *corev1.Secret) { s.Annotations[cmv1.CertificateNameKey] = orphan.Name }},
		"Overdue":   {change: func(s *corev1.Secret) { s.Annotations[cmv1.CertificateNameKey] = ours.Name }},
		"Owned": {kept: true, change: func(s *corev1.Secret) {
			s.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(domain, v1alpha1.GroupVersion.WithKind("Domain"))}
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			secret := &corev1.Secret{ObjectMeta: testobjects.Named(ns, strings.ToLower(name))}
			secret.Annotations = map[string]string{cmv1.CertificateNameKey: "gone"}
			secret.Labels = map[string]string{
				v1alpha1.LabelSecret: v1alpha1.SecretTLS, resources.LabelManagedBy: resources.ManagedBy, v1alpha1.LabelApp: "gone",
			}
			tc.change(secret)
			create(t, secret)
			if !tc.kept {
				awaitAbsent(t, secret)
				return
			}
			r := &secretgc.Reconciler{Exposures: exposure.New(testBase(t, clock.RealClock{}))}
			if _, err := r.Reconcile(t.Context(), secret.DeepCopy()); err != nil {
				t.Fatal(err)
			}
			unchanged(t, secret)
		})
	}
}
