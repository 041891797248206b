package domain

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/exposure"
	"github.com/berth-dev/berth/controllers/internal/objects"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	"github.com/berth-dev/berth/internal/hostclaim"
)

// organization lets no Domain serve outside of an organization.
func (r *Reconciler) organization(ctx context.Context, s *scope) error {
	return r.RequireOrganization(ctx, s.domain)
}

// secrets adopts the Secrets that a REST client made for the Domain, and looks whether the password that its mail names is there.
func (r *Reconciler) secrets(ctx context.Context, s *scope) error {
	for _, name := range objects.NamedByDomain(s.domain) {
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
func (r *Reconciler) adopt(ctx context.Context, domain *v1alpha1.Domain, name string) error {
	secret := &corev1.Secret{}
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: domain.GetNamespace(), Name: name}, secret)
	if err != nil || secret.GetLabels()[v1alpha1.LabelApp] != domain.Spec.AppRef.Name || !objects.IsForDomains(secret) {
		return client.IgnoreNotFound(err)
	}
	return ssa.Adopt(ctx, r.Client, domain, resources.DomainSecret(domain, name), &corev1.Secret{}, corev1ac.ExtractSecret)
}

// password looks whether the password of a Domain's mail server is there.
func (r *Reconciler) password(ctx context.Context, domain *v1alpha1.Domain, ref v1alpha1.SecretKeyRef) error {
	secret := &corev1.Secret{}
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: domain.GetNamespace(), Name: ref.Name}, secret)
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
	if left := r.GraceLeft(domain); left > 0 {
		return phase.Wait(left, v1alpha1.ReasonProgressing, "%s", message)
	}
	return phase.Wait(0, v1alpha1.ReasonSecretNotFound, "%s", message)
}

// host claims the host for the Domain unless it is reserved. A Domain that does not have its host, or whose App serves it, has no certificate and
// no route of its own.
func (r *Reconciler) host(ctx context.Context, s *scope) error {
	reserved := r.RequireUnreserved(ctx, s.domain, s.hasHost)
	verdict := hostclaim.Reserved
	if reserved == nil {
		var err error
		if verdict, err = r.claim(ctx, s); err != nil {
			return err
		}
	}
	s.hasHost = verdict == hostclaim.Granted
	if !s.hasHost || s.mirrors {
		if err := r.Remove(ctx, s.domain, s.site); err != nil {
			return err
		}
	} else if err := r.UnrouteFormerHost(ctx, s.domain, s.site); err != nil {
		return err
	}
	if reserved != nil {
		return reserved
	}
	if s.mirrors && verdict == hostclaim.Create {
		return nil // The App claims its default host. That there is no App, the next phase tells.
	}
	return exposure.Refusal(verdict, s.domain.Spec.Host)
}

// claim claims the host for the Domain, or looks whether the App has it whose default host it is.
func (r *Reconciler) claim(ctx context.Context, s *scope) (hostclaim.Verdict, error) {
	name := s.domain.Spec.Host
	if !s.mirrors {
		return r.ClaimHost(ctx, s.domain, name, exposure.ClaimantOfDomain(s.domain, s.hasHost, s.needsProof && (objects.IsProven(s.domain) || s.proven)))
	}
	claim, err := exposure.GetClaim(ctx, r.Client, name)
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
func (r *Reconciler) served(ctx context.Context, s *scope) (err error) {
	if !s.mirrors {
		if s.serving, err = r.Observe(ctx, s.domain, s.site); err != nil {
			return err
		}
		return r.Withdraw(ctx, s.domain, &s.serving)
	}
	if s.mirror, err = r.MirrorOf(ctx, s.appKey()); err != nil {
		return err
	}
	var app v1alpha1.App
	if err := r.Client.Get(ctx, s.appKey(), &app); err != nil {
		return client.IgnoreNotFound(err)
	}
	s.serving, err = r.Observe(ctx, &app, resources.AppSite(&app, r.Platform))
	return err
}

// namedApp reads the App that the Domain names.
func (r *Reconciler) namedApp(ctx context.Context, s *scope) error {
	err := r.Client.Get(ctx, s.appKey(), &s.app)
	if apierrors.IsNotFound(err) {
		return r.MissingDependency(s.domain, v1alpha1.ReasonAppNotFound, "There is no App %s in the Namespace.", s.domain.Spec.AppRef.Name)
	}
	return err
}

func (r *Reconciler) certificate(ctx context.Context, s *scope) error {
	if s.mirrors {
		return r.follow(ctx, s)
	}
	return r.Certify(ctx, s.domain, &s.serving)
}

func (r *Reconciler) route(ctx context.Context, s *scope) error {
	if s.mirrors {
		return nil
	}
	return r.Route(ctx, s.domain, &s.app, &s.serving)
}

func (r *Reconciler) leftovers(ctx context.Context, s *scope) error {
	if s.mirrors {
		return nil
	}
	return r.CleanUp(ctx, s.domain, &s.serving)
}
