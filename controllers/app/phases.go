package app

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/exposure"
	"github.com/berth-dev/berth/controllers/internal/objects"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	"github.com/berth-dev/berth/controllers/internal/watches"
	"github.com/berth-dev/berth/internal/hostclaim"
	"github.com/berth-dev/berth/internal/registry"
)

// organization lets no App run outside of an organization.
func (r *Reconciler) organization(ctx context.Context, s *Scope) error {
	return r.RequireOrganization(ctx, s.App)
}

// environment adopts the Secrets that hold the App's environment and looks whether they have the keys that it names.
//
// Only Secrets with Berth's label are in the cache. Whether the others are there is told by the Pods, whose kubelet reads them.
func (r *Reconciler) environment(ctx context.Context, s *Scope) error {
	adopted := map[string]bool{}
	for _, e := range s.App.Spec.Env {
		if e.ValueFrom == nil || e.ValueFrom.SecretKeyRef == nil {
			continue
		}
		ref := e.ValueFrom.SecretKeyRef
		secret := &corev1.Secret{}
		err := r.Client.Get(ctx, client.ObjectKey{Namespace: s.App.GetNamespace(), Name: ref.Name}, secret)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		if !adopted[ref.Name] && isEnvSecret(secret, s.App) {
			adopted[ref.Name] = true
			if err := r.adopt(ctx, s.App, ref.Name); err != nil {
				return err
			}
		}
		if _, ok := secret.Data[ref.Key]; !ok && !ptr.Deref(ref.Optional, false) {
			return phase.Wait(0, v1alpha1.ReasonSecretNotFound,
				"The variable %s names the key %s, which Secret %s doesn't have.", e.Name, ref.Key, ref.Name)
		}
	}
	return nil
}

func isEnvSecret(secret *corev1.Secret, app *v1alpha1.App) bool {
	l := secret.GetLabels()
	return l[v1alpha1.LabelSecret] == v1alpha1.SecretEnv && l[v1alpha1.LabelApp] == app.GetName()
}

func (r *Reconciler) adopt(ctx context.Context, app *v1alpha1.App, secret string) error {
	return ssa.Adopt(ctx, r.Client, app, resources.EnvSecret(app, secret), &corev1.Secret{}, corev1ac.ExtractSecret)
}

func (r *Reconciler) deployment(ctx context.Context, s *Scope) error {
	if s.portUnread {
		return r.keepDeployment(ctx, s)
	}
	org, err := r.PolicyOf(ctx, s.App.GetNamespace())
	if err != nil {
		return err
	}
	if !r.Registries.Allows(org, s.App.Spec.Image) {
		return registryNotAllowed(org.GetName(), s.App.Spec.Image)
	}
	tenant, err := r.Tenant(ctx, org)
	if err != nil {
		return err
	}
	if s.Port.Number == 0 {
		if err := r.ImagePort(ctx, s); err != nil {
			return err
		}
	}
	want, err := resources.DeploymentAt(s.App, tenant, s.Port)
	if err != nil {
		return err
	}
	var have appsv1.Deployment
	if err := ssa.Apply(ctx, r.Client, s.App, want, &have, appsv1ac.ExtractDeployment); err != nil {
		return err
	}
	s.Deployment = have
	if have.Spec.Paused {
		return r.resume(ctx, s, tenant)
	}
	return nil
}

// resume makes a Deployment go on that somebody has paused, or else no change of the App would ever be rolled out. Only then is the field applied:
// the API server does not store it as false, so an idle reconcile would not find it.
func (r *Reconciler) resume(ctx context.Context, s *Scope, tenant resources.Tenant) error {
	want, err := resources.DeploymentAt(s.App, tenant, s.Port)
	if err != nil {
		return err
	}
	want.Spec.WithPaused(false)
	var have appsv1.Deployment
	if err := ssa.Apply(ctx, r.Client, s.App, want, &have, appsv1ac.ExtractDeployment); err != nil {
		return err
	}
	s.Deployment = have
	return nil
}

// registryNotAllowed stalls an App before its Deployment is changed, so that the version that runs goes on.
func registryNotAllowed(organization, image string) error {
	return phase.Stall(v1alpha1.ReasonRegistryNotAllowed, "Organization %s does not allow images from %s. Use another registry, or ask the platform's "+
		"administrators to allow it (spec.allowedRegistries and spec.deniedRegistries of the Organization). IP addresses and internal names have to be "+
		"allowed by name.", organization, registry.Of(image))
}

// pods reads the App's Pods, and which of them are of its newest version.
func (r *Reconciler) pods(ctx context.Context, s *Scope) error {
	var pods corev1.PodList
	if err := watches.Indexed(ctx, r.Client, &pods, s.App.GetNamespace(), watches.IndexApp, s.App.GetName()); err != nil {
		return err
	}
	for _, p := range pods.Items {
		if p.GetDeletionTimestamp().IsZero() {
			s.pods = append(s.pods, p)
		}
	}
	var sets appsv1.ReplicaSetList
	if err := watches.Indexed(ctx, r.Client, &sets, s.App.GetNamespace(), watches.IndexApp, s.App.GetName()); err != nil {
		return err
	}
	for _, set := range sets.Items {
		if metav1.IsControlledBy(&set, &s.Deployment) && set.Annotations[objects.RevisionAnnotation] == s.Deployment.Annotations[objects.RevisionAnnotation] {
			s.revision = set.Labels[appsv1.DefaultDeploymentUniqueLabelKey]
		}
	}
	return nil
}

func (r *Reconciler) service(ctx context.Context, s *Scope) error {
	return ssa.Apply(ctx, r.Client, s.App, resources.Service(s.App), &corev1.Service{}, corev1ac.ExtractService)
}

// host claims the default host for the App. A host that is lost is given up.
func (r *Reconciler) host(ctx context.Context, s *Scope) error {
	verdict, err := r.ClaimHost(ctx, s.App, s.site.Host, exposure.ClaimantOf(s.App, s.hasHost))
	if err != nil {
		return err
	}
	s.hasHost = verdict == hostclaim.Granted
	if s.hasHost {
		return r.UnrouteFormerHost(ctx, s.App, s.site)
	}
	if err := r.Remove(ctx, s.App, s.site); err != nil {
		return err
	}
	return exposure.Refusal(verdict, s.site.Host)
}

// served reads which certificate the default host is to have, as a Domain that mirrors the App says, and which it serves now.
func (r *Reconciler) served(ctx context.Context, s *Scope) error {
	domain, err := r.MirrorOf(ctx, client.ObjectKeyFromObject(s.App))
	if err != nil {
		return err
	}
	if domain != nil {
		s.site = s.site.WithTLS(domain.Spec.TLS)
	}
	if s.serving, err = r.Observe(ctx, s.App, s.site); err != nil {
		return err
	}
	return r.Withdraw(ctx, s.App, &s.serving)
}

func (r *Reconciler) certificate(ctx context.Context, s *Scope) error {
	return r.Certify(ctx, s.App, &s.serving)
}

func (r *Reconciler) route(ctx context.Context, s *Scope) error {
	return r.Route(ctx, s.App, s.App, &s.serving)
}

func (r *Reconciler) leftovers(ctx context.Context, s *Scope) error {
	return r.CleanUp(ctx, s.App, &s.serving)
}
