package domain

import (
	"context"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/resources"
)

// follow judges whether the App serves the certificate that a Domain asks for which mirrors it. It goes by what the caches hold, not by what
// the App says: that may be of what the App was asked for before.
func (r *Reconciler) follow(ctx context.Context, s *scope) error {
	if oldest := s.mirror; oldest != nil && oldest.GetUID() != s.domain.GetUID() &&
		!equality.Semantic.DeepEqual(oldest.Spec.TLS, s.domain.Spec.TLS) {
		return phase.Stall(v1alpha1.ReasonHostConflict,
			"Domain %s, which is older, says where the certificate of %s comes from.", oldest.GetName(), s.domain.Spec.Host)
	}
	r.Named.Forget(s.domain)
	s.serving.Site = resources.AppSite(&s.app, r.Platform).WithTLS(s.domain.Spec.TLS)
	follows, err := r.Follows(ctx, s.domain, &s.app, &s.serving)
	if err != nil || follows {
		return err
	}
	return r.UnlessExpired(&s.serving, s.behind())
}

// behind says why the App has not done its part for the certificate of a Domain that mirrors it.
func (s *scope) behind() error {
	told := meta.FindStatusCondition(s.app.Status.Conditions, v1alpha1.ConditionCertificateReady)
	switch {
	case told != nil && (told.Reason == v1alpha1.ReasonInvalid || told.Reason == v1alpha1.ReasonExpired): // Only who was refused knows.
		return phase.Stall(told.Reason, "%s", told.Message)
	case told != nil && told.Reason == v1alpha1.ReasonThrottled:
		return phase.Wait(0, told.Reason, "%s", told.Message)
	}
	return phase.Wait(0, v1alpha1.ReasonProgressing, "The App is about to serve the certificate.")
}

// siblings returns the Domains of an organization that mirror the same App as a Domain: the oldest of them decides about the certificate.
func (r *Reconciler) siblings(ctx context.Context, o client.Object) []reconcile.Request {
	domain, ok := o.(*v1alpha1.Domain)
	if !ok || !r.Mirrors(domain) {
		return nil
	}
	return r.WakeMirrors(ctx, domain.GetNamespace(), domain.Spec.AppRef.Name)
}
