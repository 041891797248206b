package app

import (
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/ecr"
	"github.com/berth-dev/berth/internal/pullerror"
	"github.com/berth-dev/berth/internal/registry"
)

const (
	// startError is the reason that the kubelet gives when a program can't even be started.
	startError = "StartError"
	// execFormat is what Linux says of a program for other processors, and of a script that doesn't say what runs it.
	execFormat = "exec format error"
	// initFailed is the exit code of a runtime's own process that was to become the program.
	initFailed = 255

	wrongProgram = "The image is not made for the processors of the nodes, or what it starts is a script that does not begin with #!."
)

// execFailed is the last line that a container has written if its program couldn't be executed: by then the runtime has no other way to say so.
var execFailed = regexp.MustCompile(`(?:^|\n)(exec [^\n]*: ` + execFormat + `)\n?$`)

// execError returns what the runtime or Linux said of a container whose program couldn't be executed on the node; empty if that isn't why it ended.
func execError(t *corev1.ContainerStateTerminated) string {
	if t.Reason == startError && strings.Contains(t.Message, execFormat) {
		return t.Message
	}
	if said := execFailed.FindStringSubmatch(t.Message); said != nil && t.ExitCode == initFailed {
		return said[1]
	}
	return ""
}

// pullSymptom returns why an image can't be pulled. The kubelet changes between trying and waiting; the symptom is the same, so that the condition
// doesn't change with each try.
func pullSymptom(app *v1alpha1.App, w *corev1.ContainerStateWaiting) *symptom {
	failed := pullerror.Parse(app.Spec.Image, w.Reason, w.Message)
	s := &symptom{rank: rankPull, reason: v1alpha1.ReasonImagePullFailed, message: failed.Error()}
	switch failed.Class {
	case pullerror.WrongPlatform:
		s.reason = v1alpha1.ReasonExecFormatError
	case pullerror.Denied:
		s.reason, s.message = v1alpha1.ReasonImagePullDenied, s.message+" "+advice(app)
	case pullerror.NotFound:
		s.reason = v1alpha1.ReasonImageNotFound
	default:
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
	return c != nil && c.State.Waiting != nil && pullerror.IsReason(c.State.Waiting.Reason) &&
		pullerror.Parse(c.Image, c.State.Waiting.Reason, c.State.Waiting.Message).Class == pullerror.Denied
}
