package controllers

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
	"github.com/berth-dev/berth/controllers/internal/desired"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	"github.com/berth-dev/berth/internal/hostclaim"
	"github.com/berth-dev/berth/internal/registry"
)

// revisionAnnotation is the number that the Deployment controller gives to a version, on the Deployment and on the version's ReplicaSet.
const revisionAnnotation = "deployment.kubernetes.io/revision"

// organization lets no App run outside of an organization.
func (r *appReconciler) organization(ctx context.Context, s *appScope) error {
	return r.requireOrganization(ctx, s.app)
}

// environment adopts the Secrets that hold the App's environment and looks whether they have the keys that it names.
//
// Only Secrets with Berth's label are in the cache. Whether the others are there is told by the Pods, whose kubelet reads them.
func (r *appReconciler) environment(ctx context.Context, s *appScope) error {
	adopted := map[string]bool{}
	for _, e := range s.app.Spec.Env {
		if e.ValueFrom == nil || e.ValueFrom.SecretKeyRef == nil {
			continue
		}
		ref := e.ValueFrom.SecretKeyRef
		secret := &corev1.Secret{}
		err := r.client.Get(ctx, client.ObjectKey{Namespace: s.app.GetNamespace(), Name: ref.Name}, secret)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		if !adopted[ref.Name] && isEnvSecret(secret, s.app) {
			adopted[ref.Name] = true
			if err := r.adopt(ctx, s.app, ref.Name); err != nil {
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

func (r *appReconciler) adopt(ctx context.Context, app *v1alpha1.App, secret string) error {
	return ssa.Adopt(ctx, r.client, app, desired.EnvSecret(app, secret), &corev1.Secret{}, corev1ac.ExtractSecret)
}

func (r *appReconciler) deployment(ctx context.Context, s *appScope) error {
	if s.portUnread {
		return r.keepDeployment(ctx, s)
	}
	org, err := r.policyOf(ctx, s.app.GetNamespace())
	if err != nil {
		return err
	}
	if !r.registries.Allows(org, s.app.Spec.Image) {
		return registryNotAllowed(org.GetName(), s.app.Spec.Image)
	}
	tenant, err := r.tenant(ctx, org)
	if err != nil {
		return err
	}
	if s.port.Number == 0 {
		if err := r.imagePort(ctx, s); err != nil {
			return err
		}
	}
	want, err := desired.DeploymentAt(s.app, tenant, s.port)
	if err != nil {
		return err
	}
	var have appsv1.Deployment
	if err := ssa.Apply(ctx, r.client, s.app, want, &have, appsv1ac.ExtractDeployment); err != nil {
		return err
	}
	s.deployment = have
	if have.Spec.Paused {
		return r.resume(ctx, s, tenant)
	}
	return nil
}

// resume makes a Deployment go on that somebody has paused, or else no change of the App would ever be rolled out. Only then is the field applied:
// the API server does not store it as false, so an idle reconcile would not find it.
func (r *appReconciler) resume(ctx context.Context, s *appScope, tenant desired.Tenant) error {
	want, err := desired.DeploymentAt(s.app, tenant, s.port)
	if err != nil {
		return err
	}
	want.Spec.WithPaused(false)
	var have appsv1.Deployment
	if err := ssa.Apply(ctx, r.client, s.app, want, &have, appsv1ac.ExtractDeployment); err != nil {
		return err
	}
	s.deployment = have
	return nil
}

// registryNotAllowed stalls an App before its Deployment is changed, so that the version that runs goes on.
func registryNotAllowed(organization, image string) error {
	return phase.Stall(v1alpha1.ReasonRegistryNotAllowed, "Organization %s does not allow images from %s. Use another registry, or ask the platform's "+
		"administrators to allow it (spec.allowedRegistries and spec.deniedRegistries of the Organization). IP addresses and internal names have to be "+
		"allowed by name.", organization, registry.Of(image))
}

// pods reads the App's Pods, and which of them are of its newest version.
func (r *appReconciler) pods(ctx context.Context, s *appScope) error {
	var pods corev1.PodList
	if err := indexed(ctx, r.client, &pods, s.app.GetNamespace(), indexApp, s.app.GetName()); err != nil {
		return err
	}
	for _, p := range pods.Items {
		if p.GetDeletionTimestamp().IsZero() {
			s.pods = append(s.pods, p)
		}
	}
	var sets appsv1.ReplicaSetList
	if err := indexed(ctx, r.client, &sets, s.app.GetNamespace(), indexApp, s.app.GetName()); err != nil {
		return err
	}
	for _, set := range sets.Items {
		if metav1.IsControlledBy(&set, &s.deployment) && set.Annotations[revisionAnnotation] == s.deployment.Annotations[revisionAnnotation] {
			s.revision = set.Labels[appsv1.DefaultDeploymentUniqueLabelKey]
		}
	}
	return nil
}

func (r *appReconciler) service(ctx context.Context, s *appScope) error {
	return ssa.Apply(ctx, r.client, s.app, desired.Service(s.app), &corev1.Service{}, corev1ac.ExtractService)
}

// host claims the default host for the App. A host that is lost is given up.
func (r *appReconciler) host(ctx context.Context, s *appScope) error {
	verdict, err := r.sites.claimHost(ctx, s.app, s.site.Host, claimantOf(s.app, s.hasHost))
	if err != nil {
		return err
	}
	s.hasHost = verdict == hostclaim.Granted
	if s.hasHost {
		return r.sites.unrouteFormerHost(ctx, s.app, s.site)
	}
	if err := r.sites.remove(ctx, s.app, s.site); err != nil {
		return err
	}
	return refusal(verdict, s.site.Host)
}

// served reads which certificate the default host is to have, as a Domain that mirrors the App says, and which it serves now.
func (r *appReconciler) served(ctx context.Context, s *appScope) error {
	domain, err := r.sites.mirrorOf(ctx, client.ObjectKeyFromObject(s.app))
	if err != nil {
		return err
	}
	if domain != nil {
		s.site = s.site.WithTLS(domain.Spec.TLS)
	}
	if s.serving, err = r.sites.look(ctx, s.app, s.site); err != nil {
		return err
	}
	return r.sites.withdraw(ctx, s.app, &s.serving)
}

func (r *appReconciler) certificate(ctx context.Context, s *appScope) error {
	return r.sites.certify(ctx, s.app, &s.serving)
}

func (r *appReconciler) route(ctx context.Context, s *appScope) error {
	return r.sites.route(ctx, s.app, s.app, &s.serving)
}

func (r *appReconciler) leftovers(ctx context.Context, s *appScope) error {
	return r.sites.retire(ctx, s.app, &s.serving)
}
