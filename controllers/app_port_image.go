package controllers

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
	"github.com/berth-dev/berth/controllers/internal/desired"
	"github.com/berth-dev/berth/controllers/internal/image"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/internal/envport"
)

// answerAgain is when an App whose image's registry has not answered is looked at again.
const answerAgain = 500 * time.Millisecond

// Registries say how the registries of images are asked.
type Registries = image.Options

// Mirror is where a registry is asked in place of its own host.
type Mirror = image.Mirror

// ParseMirror reads a Mirror, HOST[:PORT]=URL.
func ParseMirror(text string) (Mirror, error) { return image.ParseMirror(text) }

// imagePort finds the port of an App that names none: the only TCP port that its image exposes, or else the default.
//
// The Deployment says which port an image has, so that a registry is asked once for each version of an App, and never since the operator restarts.
func (r *appReconciler) imagePort(ctx context.Context, s *appScope) error {
	have, err := r.presentDeployment(ctx, s.app)
	if err != nil {
		return err
	}
	if known := knownPort(s.app, &have); known.Number != 0 {
		s.port = known
		return nil
	}
	if r.images == nil {
		s.port = desired.Port{Number: envport.Default, Source: desired.PortFromDefault}
		return nil
	}
	found, err := r.images.Get(ctx, r.question(s.app))
	if errors.Is(err, image.ErrPending) {
		s.deployment = have
		return phase.Wait(answerAgain, v1alpha1.ReasonProgressing, "Waiting for the registry of the image, which knows the port that the image exposes.")
	}
	if failure, ok := errors.AsType[*image.Error](err); ok {
		s.port = desired.Port{Number: portOf(&have), Source: desired.PortUnknown}
		s.imageFailure = failure
		return nil
	}
	s.port = exposedPort(found.Ports)
	return nil
}

// exposedPort returns the port of an image that exposes some.
func exposedPort(exposed []int32) desired.Port {
	switch len(exposed) {
	case 0:
		return desired.Port{Number: envport.Default, Source: desired.PortOfNone}
	case 1:
		return desired.Port{Number: exposed[0], Source: desired.PortFromImage}
	default:
		return desired.Port{Number: envport.Default, Source: desired.PortOfSeveral}
	}
}

// knownPort returns the port of the Deployment, if that was found for the same image, and its number is 0 otherwise. One that was not found in the
// registry is good as long as the Pods are ready.
func knownPort(app *v1alpha1.App, have *appsv1.Deployment) desired.Port {
	known := desired.Port{Number: portOf(have), Source: desired.PortSource(have.Annotations[v1alpha1.AnnotationPortFrom])}
	if known.Source == "" || !sameImage(app, have) {
		return desired.Port{}
	}
	ready := observed(have) && rolledOut(have, ptr.Deref(have.Spec.Replicas, 1), nil)
	if known.Source == desired.PortUnknown && !ready {
		return desired.Port{}
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
func (r *appReconciler) question(app *v1alpha1.App) image.Question {
	version := versionOf(app)
	return image.Question{
		App: app.GetUID(), Organization: app.GetNamespace(), Reference: app.Spec.Image, Version: fmt.Sprint(version.generation, " ", version.restarted),
		Login: func(ctx context.Context) (authn.Keychain, error) { return r.logins(ctx, app) },
	}
}

// logins reads the Secrets that the App's image is pulled with.
func (r *appReconciler) logins(ctx context.Context, app *v1alpha1.App) (authn.Keychain, error) {
	var secrets []corev1.Secret
	for _, name := range desired.PullSecrets(app) {
		var secret corev1.Secret
		err := r.live.Get(ctx, client.ObjectKey{Namespace: app.GetNamespace(), Name: name}, &secret)
		if client.IgnoreNotFound(err) != nil {
			return nil, err
		}
		if err == nil {
			secrets = append(secrets, secret)
		}
	}
	return image.Login(ctx, secrets)
}

// askAgain returns when the registry is asked again; zero for an App that runs well without its answer.
func (s *appScope) askAgain() time.Duration {
	if s.imageFailure == nil || observed(&s.deployment) && rolledOut(&s.deployment, ptr.Deref(s.deployment.Spec.Replicas, 1), nil) {
		return 0
	}
	return s.imageFailure.RetryAfter
}
