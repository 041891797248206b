package controllers

import (
	"context"
	"errors"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/policy"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	"github.com/berth-dev/berth/controllers/internal/status"
	"github.com/berth-dev/berth/internal/certificate"
)

// +kubebuilder:rbac:groups=berth.dev,resources=hostclaims,verbs=list;watch
// +kubebuilder:rbac:groups=berth.dev,resources=hostclaims/status,verbs=update

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
func (s sites) requireOwnNames(ctx context.Context, asks client.Object, v *serving, chain certificate.Chain) error {
	org, err := s.policyOf(ctx, v.site.Namespace)
	if err != nil {
		return err
	}
	leaf := chain.Leaf()
	// Before the claims are read: a claim that changes afterwards finds the names.
	s.named.add(asks, certificate.Names(leaf))
	hosts := &claimedHosts{ctx: ctx, client: s.client, organization: v.site.Namespace}
	names := certificate.NamePolicy{
		Host: v.site.Host, App: v.site.Service, Rules: s.rules, Hosts: hosts, Proof: policy.VerifiesHosts(org, s.proofByDefault),
	}
	if len(v.custom.chain) == 0 { // A Namespace that is created must not take a certificate away.
		names.IsNamespace = hosts.isNamespace
	}
	err = names.Check(leaf)
	if _, refused := errors.AsType[certificate.Problem](err); refused && hosts.failed == nil {
		return foreignNamesError{invalid(v.site, err)}
	}
	return errors.Join(err, hosts.failed)
}

// withdraw deletes the copy of a site's custom certificate if an ingress controller might serve it for a host that is not the organization's. One
// that has merely expired stays, for lack of a better one.
func (s sites) withdraw(ctx context.Context, owner status.Object, v *serving) error {
	s.named.forget(owner)
	if len(v.custom.chain) == 0 {
		return nil
	}
	reason := s.requireOwnNames(ctx, owner, v, v.custom.chain)
	if !hasForeignNames(reason) {
		return reason
	}
	if err := ssa.Prune(ctx, s.client, owner, customObjects(v.site)[0]); err != nil {
		return err
	}
	v.custom, v.withdrawn = stored{}, true
	s.recorder.Eventf(owner, nil, corev1.EventTypeWarning, v1alpha1.ReasonCertificateInvalid, eventWithdraw,
		"The custom certificate is no longer served. %s", status.Cut(reason.Error()))
	return nil
}

// claimedHosts answers from the HostClaims whose hosts are, from the point of view of an organization.
type claimedHosts struct {
	ctx          context.Context //nolint:containedctx // It lives as long as one call.
	client       client.Reader
	organization string
	// failed is what kept a lookup that can't return an error from succeeding.
	failed error
}

// IsForeign reports whether a claim of anything outside the organization is for a host that a name covers. An Ingress that a member has made in the
// organization's Namespace is not outside.
func (h *claimedHosts) IsForeign(name string) (bool, error) {
	parent, wildcard := strings.CutPrefix(name, "*.")
	if !wildcard {
		claim, err := h.claim(name)
		return claim != nil && h.isForeign(claim), err
	}
	var claims v1alpha1.HostClaimList
	if err := indexed(h.ctx, h.client, &claims, metav1.NamespaceAll, indexParent, parent); err != nil {
		return false, err
	}
	for i := range claims.Items {
		if h.isForeign(&claims.Items[i]) {
			return true, nil
		}
	}
	return false, nil
}

func (h *claimedHosts) isForeign(claim *v1alpha1.HostClaim) bool {
	return tenantOf(claim) != h.organization
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
	claim, err := h.claim(host)
	return claim != nil && claim.Spec.Organization == h.organization && claim.Status.VerifiedAt != nil, err
}

// claim returns the claim of a host, or nil if there is none.
func (h *claimedHosts) claim(host string) (*v1alpha1.HostClaim, error) {
	claim := &v1alpha1.HostClaim{}
	err := h.client.Get(h.ctx, client.ObjectKey{Name: host}, claim, client.DisableReadYourWritesConsistency)
	if apierrors.IsNotFound(err) {
		return nil, nil //nolint:nilnil // There is none.
	}
	return claim, err
}

func (h *claimedHosts) isNamespace(name string) bool {
	err := h.client.Get(h.ctx, client.ObjectKey{Name: name}, &corev1.Namespace{}, client.DisableReadYourWritesConsistency)
	if client.IgnoreNotFound(err) != nil {
		h.failed = err
	}
	return err == nil
}
