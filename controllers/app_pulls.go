package controllers

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/ecr"
	"github.com/berth-dev/berth/internal/registry"
)

const (
	// startError is the reason that the kubelet gives when a program can't even be started.
	startError = "StartError"
	// execFormat is what Linux says of a program for other processors.
	execFormat = "exec format error"

	wrongArchitecture = "The image isn't made for the processors of the nodes."
)

// A container runtime says in words alone why an image can't be pulled. The answers are those of containerd, CRI-O and cri-dockerd, in lower
// case, and what the registries say which they quote.
var (
	saidOfPlatform = []string{
		"no match for platform", "no matching manifest for", "no image found in image index for architecture", "no image found in manifest list",
	}
	saidOfDenial = []string{
		"401 unauthorized", "403 forbidden", "no basic auth credentials", "authorization failed", "pull access denied", "insufficient_scope",
		"unauthorized:", "denied:", "access to the resource is denied", "authentication required", "authorization token has expired",
	}
	saidOfAbsence = []string{": not found", "manifest unknown", "name unknown", "name_unknown", "manifest_unknown", "404 not found"}
)

func saysAny(message string, phrases []string) bool {
	message = strings.ToLower(message)
	return slices.ContainsFunc(phrases, func(phrase string) bool { return strings.Contains(message, phrase) })
}

// pullSymptom returns what a runtime's words on an image mean.
func pullSymptom(app *v1alpha1.App, said string) *symptom {
	s := &symptom{rank: 0, reason: v1alpha1.ReasonImagePullFailed, message: "The image can't be pulled: " + said}
	switch {
	case saysAny(said, saidOfPlatform):
		s.reason, s.message = v1alpha1.ReasonWrongArchitecture, wrongArchitecture+" "+s.message
	case saysAny(said, saidOfDenial):
		s.reason, s.message = v1alpha1.ReasonImagePullDenied, "The registry refuses. "+advice(app)+" "+s.message
	case saysAny(said, saidOfAbsence):
		s.reason, s.message = v1alpha1.ReasonImageNotFound, "The registry doesn't have the image. "+s.message
	}
	return s
}

// advice says what to look at when a registry refuses an App's image.
func advice(app *v1alpha1.App) string {
	wanted := app.Spec.Registry
	switch _, isECR := ecr.ParseHost(registry.Of(app.Spec.Image)); {
	case wanted != nil && wanted.RoleARN != "":
		return fmt.Sprintf("Check that the policies of %s and of the repository allow ecr:BatchGetImage and ecr:GetDownloadUrlForLayer.", wanted.RoleARN)
	case wanted != nil:
		return fmt.Sprintf("Check the user name and the password in Secret %s.", wanted.CredentialsSecretRef.Name)
	case len(app.Spec.ImagePullSecrets) > 0:
		return "Check the Secrets that imagePullSecrets names."
	case isECR:
		return "It is one of Amazon ECR's: name the AWS role that may read it."
	default:
		return "It may want a login, and the App names none."
	}
}

// isDenied reports whether a registry refuses a Pod's image.
func isDenied(pod *corev1.Pod) bool {
	c := appContainer(pod)
	return c != nil && c.State.Waiting != nil && slices.Contains(pullFailures, c.State.Waiting.Reason) &&
		!saysAny(c.State.Waiting.Message, saidOfPlatform) && saysAny(c.State.Waiting.Message, saidOfDenial)
}
