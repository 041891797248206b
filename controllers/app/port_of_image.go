package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/image"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/internal/envport"
)

// answerAgain is when an App whose image's registry has not answered is looked at again.
const answerAgain = 500 * time.Millisecond

// ImagePort finds the port of an App that names none: the only TCP port that its image exposes, or else the default.
//
// The Deployment says which port an image has, so that a registry is asked once for each version of an App, and never since the operator restarts.
func (r *Reconciler) ImagePort(ctx context.Context, s *Scope) error {
	have, err := r.presentDeployment(ctx, s.App)
	if err != nil {
		return err
	}
	if known := knownPort(s.App, &have); known.Number != 0 {
		s.Port = known
		return nil
	}
	if r.Images == nil {
		s.Port = resources.Port{Number: envport.Default, Source: resources.PortFromDefault}
		return nil
	}
	found, err := r.Images.Get(ctx, r.question(s.App))
	if errors.Is(err, image.ErrPending) {
		s.Deployment = have
		return phase.Wait(answerAgain, v1alpha1.ReasonProgressing, "Waiting for the registry of the image, which knows the port that the image exposes.")
	}
	if failure, ok := errors.AsType[*image.Error](err); ok {
		s.Port = resources.Port{Number: portOf(&have), Source: resources.PortUnknown}
		s.imageFailure = failure
		return nil
	}
	s.Port = exposedPort(found.Ports)
	return nil
}

// exposedPort returns the port of an image that exposes some.
func exposedPort(exposed []int32) resources.Port {
	switch len(exposed) {
	case 0:
		return resources.Port{Number: envport.Default, Source: resources.PortOfNone}
	case 1:
		return resources.Port{Number: exposed[0], Source: resources.PortFromImage}
	default:
		return resources.Port{Number: envport.Default, Source: resources.PortOfSeveral}
	}
}

// knownPort returns the port of the Deployment, if that was found for the same image, and its number is 0 otherwise. One that was not found in the
// registry is good as long as the Pods are ready.
func knownPort(app *v1alpha1.App, have *appsv1.Deployment) resources.Port {
	known := resources.Port{Number: portOf(have), Source: resources.PortSource(have.Annotations[v1alpha1.AnnotationPortFrom])}
	if known.Source == "" || !sameImage(app, have) {
		return resources.Port{}
	}
	ready := observed(have) && rolledOut(have, ptr.Deref(have.Spec.Replicas, 1), nil)
	if known.Source == resources.PortUnknown && !ready {
		return resources.Port{}
	}
	return known
}

// sameImage reports whether a Deployment runs the same image as the App asks for. A tag may mean another one after a restart.
func sameImage(app *v1alpha1.App, have *appsv1.Deployment) bool {
	c := served(have)
	if c == nil || c.Image != app.Spec.Image {
		return false
	}
	restarted := have.Spec.Template.Annotations[v1alpha1.AnnotationRestartedAt] != app.Annotations[v1alpha1.AnnotationRestartedAt]
	return !restarted || strings.Contains(app.Spec.Image, "@")
}

// portOf returns the port that the container of a Deployment serves on; the default if there is none.
func portOf(have *appsv1.Deployment) int32 {
	if c := served(have); c != nil && len(c.Ports) > 0 {
		return c.Ports[0].ContainerPort
	}
	return envport.Default
}

// served returns the container of a Deployment, or nil.
func served(have *appsv1.Deployment) *corev1.Container {
	if containers := have.Spec.Template.Spec.Containers; len(containers) > 0 {
		return &containers[0]
	}
	return nil
}

// question returns what to ask the registry of an App's image.
func (r *Reconciler) question(app *v1alpha1.App) image.Question {
	version := versionOf(app)
	return image.Question{
		App: app.GetUID(), Organization: app.GetNamespace(), Reference: app.Spec.Image, Version: fmt.Sprint(version.generation, " ", version.restarted),
		Login: func(ctx context.Context) (authn.Keychain, error) { return r.logins(ctx, app) },
	}
}

// logins reads the Secrets that the App's image is pulled with.
func (r *Reconciler) logins(ctx context.Context, app *v1alpha1.App) (authn.Keychain, error) {
	var secrets []corev1.Secret
	for _, name := range resources.PullSecrets(app) {
		var secret corev1.Secret
		err := r.Live.Get(ctx, client.ObjectKey{Namespace: app.GetNamespace(), Name: name}, &secret)
		if client.IgnoreNotFound(err) != nil {
			return nil, err
		}
		if err == nil {
			secrets = append(secrets, secret)
		}
	}
	return image.Login(ctx, secrets)
}

// AskAgain returns when the registry is asked again; zero for an App that runs well without its answer.
func (s *Scope) AskAgain() time.Duration {
	if s.imageFailure == nil || observed(&s.Deployment) && rolledOut(&s.Deployment, ptr.Deref(s.Deployment.Spec.Replicas, 1), nil) {
		return 0
	}
	return s.imageFailure.RetryAfter
}
