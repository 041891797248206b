package exposure

import (
	"context"
	"errors"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/conditions"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	"github.com/berth-dev/berth/controllers/internal/watches"
	"github.com/berth-dev/berth/internal/certificate"
	"github.com/berth-dev/berth/internal/host"
	"github.com/berth-dev/berth/internal/policy"
)

// eventWithdraw is the action of the event that a custom certificate is not served any longer.
const eventWithdraw = "WithdrawCertificate"

// foreignNamesError says that a custom certificate must not be served because of the names in it.
type foreignNamesError struct{ error }

// Unwrap returns the error that stalls the phase.
func (e foreignNamesError) Unwrap() error { return e.error }

func hasForeignNames(err error) bool {
	_, ok := errors.AsType[foreignNamesError](err)
	return ok
}

// requireOwnNames returns a foreignNamesError if an ingress controller might serve a custom certificate of a site for a host that is not the
// organization's. From now on, the object that asks is enqueued when that may have changed.
func (s Exposures) requireOwnNames(ctx context.Context, asks client.Object, v *Rotation, chain certificate.Chain) error {
	org, err := s.PolicyOf(ctx, v.Site.Namespace)
	if err != nil {
		return err
	}
	leaf := chain.Leaf()
	// Before the claims are read: a claim that changes afterwards finds the names.
	s.Named.add(asks, certificate.Names(leaf))
	hosts := &claimedHosts{ctx: ctx, client: s.Client, organization: v.Site.Namespace, served: chain.Equal(v.custom.chain)}
	names := certificate.NamePolicy{
		Host: v.Site.Host, App: v.Site.Service, Rules: s.Rules, Hosts: hosts, SingleLabels: hosts.served,
	}
	if !hosts.served { // Requiring a proof, or creating a Namespace, does not take away what is served.
		names.Proof = policy.VerifiesHosts(org, s.ProofByDefault)
		names.IsNamespace = hosts.isNamespace
	}
	err = names.Check(leaf)
	if _, refused := errors.AsType[certificate.Problem](err); refused && hosts.failed == nil {
		return foreignNamesError{invalid(v.Site, err)}
	}
	return errors.Join(err, hosts.failed)
}

// Withdraw deletes the copy of a site's custom certificate if an ingress controller might serve it for a host that is not the organization's. One
// that has merely expired stays, for lack of a better one.
func (s Exposures) Withdraw(ctx context.Context, owner conditions.Object, v *Rotation) error {
	s.Named.Forget(owner)
	if len(v.custom.chain) == 0 {
		return nil
	}
	reason := s.requireOwnNames(ctx, owner, v, v.custom.chain)
	if !hasForeignNames(reason) {
		return reason
	}
	for _, o := range append(customObjects(v.Site), customObjects(v.Site.Former())...) {
		if err := ssa.Prune(ctx, s.Client, owner, o, "its certificate names hosts that are not the organization's"); err != nil {
			return err
		}
	}
	v.custom, v.Withdrawn = candidate{}, true
	s.Recorder.Eventf(owner, nil, corev1.EventTypeWarning, v1alpha1.ReasonCertificateInvalid, eventWithdraw,
		"The custom certificate is no longer served. %s", conditions.Cut(reason.Error()))
	return nil
}

// claimedHosts answers from the HostClaims whose hosts are, from the point of view of an organization.
type claimedHosts struct {
	ctx          context.Context //nolint:containedctx // It lives as long as one call.
	client       client.Reader
	organization string
	// served is true if the certificate is served already. A wildcard Ingress that is created does not take it away.
	served bool
	// failed is the error of a lookup that cannot return it.
	failed error
}

// IsForeign reports whether a claim of anything outside the organization is for a host that a name covers. An Ingress that a member has made in the
// organization's Namespace is not outside.
func (h *claimedHosts) IsForeign(name string) (bool, error) {
	parent, wildcard := strings.CutPrefix(name, "*.")
	if !wildcard {
		claim, err := GetClaim(h.ctx, h.client, name)
		if err != nil || claim != nil {
			return claim != nil && tenantOf(claim) != h.organization, err
		}
		return h.hasForeignIngress("*." + host.Parent(name))
	}
	var claims v1alpha1.HostClaimList
	if err := watches.Indexed(h.ctx, h.client, &claims, metav1.NamespaceAll, watches.IndexParent, parent); err != nil {
		return false, err
	}
	for i := range claims.Items {
		if tenantOf(&claims.Items[i]) != h.organization {
			return true, nil
		}
	}
	return h.hasForeignIngress(name)
}

// hasForeignIngress reports whether an Ingress that is neither Berth's nor in the organization's Namespace has a wildcard host, of which there is no
// claim.
func (h *claimedHosts) hasForeignIngress(wildcard string) (bool, error) {
	if h.served {
		return false, nil
	}
	var list networkingv1.IngressList
	err := watches.Indexed(h.ctx, h.client, &list, metav1.NamespaceAll, watches.IndexHost, wildcard)
	return slices.ContainsFunc(list.Items, func(i networkingv1.Ingress) bool { return i.GetNamespace() != h.organization }), err
}

// tenantOf returns the organization that has a host, or the Namespace of the Ingress that does.
func tenantOf(claim *v1alpha1.HostClaim) string {
	if claim.Spec.Organization == "" && claim.Spec.Holder != nil {
		return claim.Spec.Holder.Namespace
	}
	return claim.Spec.Organization
}

// IsProven reports whether the organization has a host and has proven that it owns it.
func (h *claimedHosts) IsProven(host string) (bool, error) {
	claim, err := GetClaim(h.ctx, h.client, host)
	return claim != nil && claim.Spec.Organization == h.organization && claim.Status.VerifiedAt != nil, err
}

func (h *claimedHosts) isNamespace(name string) bool {
	err := h.client.Get(h.ctx, client.ObjectKey{Name: name}, &corev1.Namespace{}, client.DisableReadYourWritesConsistency)
	if client.IgnoreNotFound(err) != nil {
		h.failed = err
	}
	return err == nil
}
