package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/desired"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	"github.com/berth-dev/berth/internal/hostclaim"
)

// organization lets no Domain serve outside of an organization.
func (r *domainReconciler) organization(ctx context.Context, s *domainScope) error {
	return r.requireOrganization(ctx, s.domain)
}

// secrets adopts the Secrets that a REST client made for the Domain, and looks whether the password that its mail names is there.
func (r *domainReconciler) secrets(ctx context.Context, s *domainScope) error {
	for _, name := range namedByDomain(s.domain) {
		if err := r.adopt(ctx, s.domain, name); err != nil {
			return err
		}
	}
	if s.domain.Spec.Mail == nil || s.domain.Spec.Mail.PasswordSecretRef == nil {
		return nil
	}
	return r.password(ctx, s.domain, *s.domain.Spec.Mail.PasswordSecretRef)
}

// adopt makes a Secret that a REST client made for the Domain go with it. A user's own isn't touched.
func (r *domainReconciler) adopt(ctx context.Context, domain *v1alpha1.Domain, name string) error {
	secret := &corev1.Secret{}
	err := r.client.Get(ctx, client.ObjectKey{Namespace: domain.GetNamespace(), Name: name}, secret)
	if err != nil || secret.GetLabels()[v1alpha1.LabelApp] != domain.Spec.AppRef.Name || !isForDomains(secret) {
		return client.IgnoreNotFound(err)
	}
	return ssa.Adopt(ctx, r.client, domain, desired.DomainSecret(domain, name), &corev1.Secret{}, corev1ac.ExtractSecret)
}

// isForDomains reports whether a Secret is one that Domains name.
func isForDomains(secret *corev1.Secret) bool {
	label := secret.GetLabels()[v1alpha1.LabelSecret]
	return label == v1alpha1.SecretCertificate || label == v1alpha1.SecretMailPassword
}

// password looks whether the password of a Domain's mail server is there.
func (r *domainReconciler) password(ctx context.Context, domain *v1alpha1.Domain, ref v1alpha1.SecretKeyRef) error {
	secret := &corev1.Secret{}
	err := r.client.Get(ctx, client.ObjectKey{Namespace: domain.GetNamespace(), Name: ref.Name}, secret)
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	message := fmt.Sprintf("Secret %s with the password of the mail server has no key %s.", ref.Name, ref.Key)
	if err != nil || secret.GetLabels()[v1alpha1.LabelSecret] != v1alpha1.SecretMailPassword {
		message = fmt.Sprintf("There is no Secret %s with the label %s=%s in the Namespace, which has the password of the mail server.",
			ref.Name, v1alpha1.LabelSecret, v1alpha1.SecretMailPassword)
	} else if _, ok := secret.Data[ref.Key]; ok {
		return nil
	}
	if left := r.graceLeft(domain); left > 0 {
		return phase.Wait(left, v1alpha1.ReasonProgressing, "%s", message)
	}
	return phase.Wait(0, v1alpha1.ReasonSecretNotFound, "%s", message)
}

// host claims the host for the Domain unless it is reserved. A Domain that does not have its host, or whose App serves it, has no certificate and
// no route of its own.
func (r *domainReconciler) host(ctx context.Context, s *domainScope) error {
	reserved := r.sites.requireUnreserved(ctx, s.domain, s.hasHost)
	verdict := hostclaim.Reserved
	if reserved == nil {
		var err error
		if verdict, err = r.claim(ctx, s); err != nil {
			return err
		}
	}
	s.hasHost = verdict == hostclaim.Granted
	if !s.hasHost || s.mirrors {
		if err := r.sites.remove(ctx, s.domain, s.site); err != nil {
			return err
		}
	} else if err := r.sites.unrouteFormerHost(ctx, s.domain, s.site); err != nil {
		return err
	}
	if reserved != nil {
		return reserved
	}
	if s.mirrors && verdict == hostclaim.Create {
		return nil // The App claims its default host. That there is no App, the next phase tells.
	}
	return refusal(verdict, s.domain.Spec.Host)
}

// claim claims the host for the Domain, or looks whether the App has it whose default host it is.
func (r *domainReconciler) claim(ctx context.Context, s *domainScope) (hostclaim.Verdict, error) {
	name := s.domain.Spec.Host
	if !s.mirrors {
		return r.sites.claimHost(ctx, s.domain, name, claimantOfDomain(s.domain, s.hasHost, s.needsProof && (isProven(s.domain) || s.proven)))
	}
	claim, err := getClaim(ctx, r.client, name)
	holder := v1alpha1.HostHolder{Kind: v1alpha1.HostHolderApp, Name: s.domain.Spec.AppRef.Name}
	switch {
	case err != nil:
		return hostclaim.Wait, err
	case claim == nil || claim.Spec.Organization == s.domain.GetNamespace() && (claim.Spec.Holder == nil || *claim.Spec.Holder != holder):
		return hostclaim.Create, nil
	case claim.Spec.Organization == "":
		return hostclaim.Reserved, nil
	case claim.Spec.Organization != s.domain.GetNamespace():
		return hostclaim.Conflict, nil
	default:
		return hostclaim.Granted, nil
	}
}

// served reads which certificate the host serves now, be it by the Domain's route or by that of the App whose host it mirrors.
func (r *domainReconciler) served(ctx context.Context, s *domainScope) (err error) {
	if !s.mirrors {
		if s.serving, err = r.sites.look(ctx, s.domain, s.site); err != nil {
			return err
		}
		return r.sites.withdraw(ctx, s.domain, &s.serving)
	}
	if s.mirror, err = r.sites.mirrorOf(ctx, s.appKey()); err != nil {
		return err
	}
	var app v1alpha1.App
	if err := r.client.Get(ctx, s.appKey(), &app); err != nil {
		return client.IgnoreNotFound(err)
	}
	s.serving, err = r.sites.look(ctx, &app, desired.AppSite(&app, r.platform))
	return err
}

// namedApp reads the App that the Domain names.
func (r *domainReconciler) namedApp(ctx context.Context, s *domainScope) error {
	err := r.client.Get(ctx, s.appKey(), &s.app)
	if apierrors.IsNotFound(err) {
		return r.missing(s.domain, v1alpha1.ReasonAppNotFound, "There is no App %s in the Namespace.", s.domain.Spec.AppRef.Name)
	}
	return err
}

func (r *domainReconciler) certificate(ctx context.Context, s *domainScope) error {
	if s.mirrors {
		return r.follow(ctx, s)
	}
	return r.sites.certify(ctx, s.domain, &s.serving)
}

func (r *domainReconciler) route(ctx context.Context, s *domainScope) error {
	if s.mirrors {
		return nil
	}
	return r.sites.route(ctx, s.domain, &s.app, &s.serving)
}

func (r *domainReconciler) leftovers(ctx context.Context, s *domainScope) error {
	if s.mirrors {
		return nil
	}
	return r.sites.retire(ctx, s.domain, &s.serving)
}
