package resources

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/names"
)

const (
	// Container is the name of the only container of an App's Pods.
	Container = "app"
	// PortName is the name of the port that an App serves on, in its Pods, and in its Service for Pods of the organization.
	PortName = "http"

	// progressDeadlineSeconds is for how long a rollout may make no progress before it counts as failed, beyond the time for which Pods must
	// have been ready.
	progressDeadlineSeconds = 600
	// minReadySeconds is the default of spec.minReadySeconds.
	minReadySeconds = 10
	// revisionHistoryLimit is how many old versions can be looked at by `kubectl rollout history`. To go back to one is to change the App.
	revisionHistoryLimit = 3
	// maxSurge is how many Pods a rollout may start beyond the wanted number. It is rounded up, so it is always at least one.
	maxSurge = "25%"
	// drainSeconds is for how long a Pod that shall end still serves, since routers take a moment to notice that it goes.
	drainSeconds = 5
	// terminationGracePeriodSeconds leaves the container 30 seconds to end by itself after that.
	terminationGracePeriodSeconds = drainSeconds + 30
)

var appKind = v1alpha1.GroupVersion.WithKind("App")

// Tenant is what the objects of Apps and Domains take from their organization.
type Tenant struct {
	// NamespaceUID is the UID of the organization's Namespace, which no tenant chooses.
	NamespaceUID types.UID
	// UserNamespaces runs Pods in user namespaces.
	UserNamespaces bool
	// Restricted makes Pods meet the Pod Security Standard restricted.
	Restricted bool
}

// Deployment returns the Deployment of an App.
//
// Neither the dataset nor the contents of pull secrets are part of it, so that a change of theirs replaces no Pod; nor are annotations
// of the template other than Berth's own, so that `kubectl rollout restart` works.
func Deployment(app *v1alpha1.App, tenant Tenant) (*appsv1ac.DeploymentApplyConfiguration, error) {
	c, err := container(app, tenant)
	if err != nil {
		return nil, fmt.Errorf("container of App %s: %w", app.GetName(), err)
	}
	spec := appsv1ac.DeploymentSpec().
		WithReplicas(ptr.Deref(app.Spec.Replicas, 1)).
		WithRevisionHistoryLimit(revisionHistoryLimit).
		WithProgressDeadlineSeconds(ProgressDeadlineSeconds(app)).
		WithSelector(metav1ac.LabelSelector().WithMatchLabels(Selector(app.GetName()))).
		WithStrategy(appsv1ac.DeploymentStrategy().
			WithType(appsv1.RollingUpdateDeploymentStrategyType).
			WithRollingUpdate(appsv1ac.RollingUpdateDeployment().
				WithMaxUnavailable(intstr.FromInt32(0)).
				WithMaxSurge(intstr.FromString(maxSurge)))).
		WithTemplate(template(app).WithSpec(podSpec(app, tenant).WithContainers(c)))
	if settle := MinReadySeconds(app); settle > 0 { // The API server does not keep zero.
		spec.WithMinReadySeconds(settle)
	}
	return appsv1ac.Deployment(app.GetName(), app.GetNamespace()).
		WithLabels(appLabels(app.GetName())).
		WithOwnerReferences(ownedBy(appKind, app)).
		WithSpec(spec), nil
}

// MinReadySeconds is for how many seconds a new Pod of an App must have been ready before it replaces one of the previous version.
func MinReadySeconds(app *v1alpha1.App) int32 {
	return ptr.Deref(app.Spec.MinReadySeconds, minReadySeconds)
}

// ProgressDeadlineSeconds is for how many seconds a rollout of an App may make no progress before it counts as failed. It leaves time for Pods to
// have been ready for MinReadySeconds.
func ProgressDeadlineSeconds(app *v1alpha1.App) int32 {
	return progressDeadlineSeconds + MinReadySeconds(app)
}

func template(app *v1alpha1.App) *corev1ac.PodTemplateSpecApplyConfiguration {
	t := corev1ac.PodTemplateSpec().WithLabels(appLabels(app.GetName()))
	if at, ok := app.GetAnnotations()[v1alpha1.AnnotationRestartedAt]; ok {
		t.WithAnnotations(map[string]string{v1alpha1.AnnotationRestartedAt: at})
	}
	return t
}

func podSpec(app *v1alpha1.App, tenant Tenant) *corev1ac.PodSpecApplyConfiguration {
	spec := corev1ac.PodSpec().
		WithAutomountServiceAccountToken(false).
		WithEnableServiceLinks(false).
		WithTerminationGracePeriodSeconds(terminationGracePeriodSeconds).
		WithSecurityContext(corev1ac.PodSecurityContext().
			WithSeccompProfile(corev1ac.SeccompProfile().WithType(corev1.SeccompProfileTypeRuntimeDefault)))
	if tenant.UserNamespaces {
		spec.WithHostUsers(false)
	}
	for _, name := range PullSecrets(app) {
		spec.WithImagePullSecrets(corev1ac.LocalObjectReference().WithName(name))
	}
	return spec
}

// PullSecrets returns the names of the Secrets that the image is pulled with, each once.
func PullSecrets(app *v1alpha1.App) []string {
	var all []string
	if app.Spec.Registry != nil {
		all = append(all, names.PullSecret(app.GetName()))
	}
	for _, s := range app.Spec.ImagePullSecrets {
		if !slices.Contains(all, s.Name) {
			all = append(all, s.Name)
		}
	}
	return all
}

func container(app *v1alpha1.App, tenant Tenant) (*corev1ac.ContainerApplyConfiguration, error) {
	probes, err := probesOf(app)
	if err != nil {
		return nil, err
	}
	c := corev1ac.Container().
		WithName(Container).
		WithImage(app.Spec.Image).
		WithImagePullPolicy(pullPolicy(app.Spec.Image)).
		// Only there does a runtime tell that the program isn't for this node's processors.
		WithTerminationMessagePolicy(corev1.TerminationMessageFallbackToLogsOnError).
		WithCommand(app.Spec.Command...).
		WithArgs(app.Spec.Args...).
		WithEnv(environment(app)...).
		WithPorts(corev1ac.ContainerPort().
			WithName(PortName).WithContainerPort(app.Spec.Port).WithProtocol(corev1.ProtocolTCP)).
		WithStartupProbe(probes.startup).
		WithReadinessProbe(probes.readiness).
		WithLivenessProbe(probes.liveness).
		WithLifecycle(corev1ac.Lifecycle().
			WithPreStop(corev1ac.LifecycleHandler().WithSleep(corev1ac.SleepAction().WithSeconds(drainSeconds)))).
		WithSecurityContext(securityContext(app, tenant))
	if app.Spec.Resources == nil {
		return c, nil
	}
	resources, err := convert[corev1ac.ResourceRequirementsApplyConfiguration](app.Spec.Resources)
	return c.WithResources(resources), err
}

// pullPolicy pulls a tag whenever a Pod starts, and a digest, which never means another image, only where it is missing.
func pullPolicy(image string) corev1.PullPolicy {
	if strings.Contains(image, "@") {
		return corev1.PullIfNotPresent
	}
	return corev1.PullAlways
}

// convert turns an API type into its apply configuration; zero values stay out of it.
func convert[T any](from any) (*T, error) {
	raw, err := json.Marshal(from)
	if err != nil {
		return nil, err
	}
	to := new(T)
	return to, json.Unmarshal(raw, to)
}
