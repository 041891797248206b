// Package app reconciles Apps into Deployments, Services and pull Secrets, and exposes them at their default hosts.
package app

import (
	"context"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/exposure"
	"github.com/berth-dev/berth/controllers/internal/image"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/reconciler"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/controllers/internal/watches"
	"github.com/berth-dev/berth/internal/host"
)

// +kubebuilder:rbac:groups=berth.dev,resources=apps,verbs=list;watch
// +kubebuilder:rbac:groups=berth.dev,resources=apps/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=services,verbs=list;watch
// +kubebuilder:rbac:groups=cert-manager.io,resources=certificates,verbs=list;watch
// +kubebuilder:rbac:groups=networking.k8s.io,resources=ingresses,verbs=list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// In organizations alone:
// +kubebuilder:rbac:roleName=berth-operator-organization,groups=berth.dev,resources=apps/finalizers,verbs=update
// +kubebuilder:rbac:roleName=berth-operator-organization,groups=apps,resources=deployments,verbs=list;watch;create;patch
// +kubebuilder:rbac:roleName=berth-operator-organization,groups=apps,resources=replicasets,verbs=list;watch
// +kubebuilder:rbac:roleName=berth-operator-organization,groups="",resources=pods,verbs=list;watch
// +kubebuilder:rbac:roleName=berth-operator-organization,groups="",resources=services,verbs=create;patch
// +kubebuilder:rbac:roleName=berth-operator-organization,groups="",resources=secrets,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:roleName=berth-operator-organization,groups="",resources=configmaps,verbs=get
// +kubebuilder:rbac:roleName=berth-operator-organization,groups=cert-manager.io,resources=certificates,verbs=create;patch;delete
// +kubebuilder:rbac:roleName=berth-operator-organization,groups=networking.k8s.io,resources=ingresses,verbs=create;patch;delete

// Reconciler makes the cluster run Apps.
type Reconciler struct {
	exposure.Exposures
	// Ports were read for Apps that name them in Secrets and ConfigMaps.
	Ports ReadPorts
}

// Scope is what the phases of one reconcile of an App share. Each phase keeps in it what it read or what the API server answered,
// and the status is made from that.
type Scope struct {
	App  *v1alpha1.App
	site resources.Site
	// Pull is how the credentials for the App's registry are doing.
	Pull Pull
	// Port that the container serves on, once it is known. portUnread says that the App names one that cannot be read.
	Port       resources.Port
	portUnread bool
	// imageFailure says why the registry of the image has not said which port it exposes, if it was asked.
	imageFailure *image.Error

	// Deployment as it is now; its UID is empty until the phase has succeeded.
	Deployment appsv1.Deployment
	// pods of the App that do not end already, of all its versions.
	pods []corev1.Pod
	// revision is the Pod template hash of the Deployment's newest version; empty while the Deployment's controller has to make it.
	revision string
	// hasHost says that the default host is the App's; until that is decided, that it was so when last seen.
	hasHost bool
	// serving is what there is of certificates for the default host, and which one its route serves.
	serving exposure.Rotation
}

// Setup adds the App controller to a manager.
func Setup(mgr manager.Manager, s exposure.Exposures, o controller.Options) error {
	r := &Reconciler{Exposures: s, Ports: NewReadPorts()}
	child := handler.EnqueueRequestsFromMapFunc(watches.ToApp)
	watched := builder.ControllerManagedBy(mgr).
		Named("app").
		WithOptions(o).
		For(&v1alpha1.App{}, builder.WithPredicates(predicate.Or(
			predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}, watches.StatusChanged))).
		Watches(&appsv1.Deployment{}, child, builder.WithPredicates(watches.OwnedOrNew)).
		Watches(&corev1.Service{}, child, builder.WithPredicates(watches.OwnedOrNew)).
		Watches(&cmv1.Certificate{}, child, builder.WithPredicates(watches.OwnedOrNew)).
		Watches(&networkingv1.Ingress{}, child, builder.WithPredicates(watches.OwnedOrNew)).
		Watches(&networkingv1.Ingress{}, s.OfRoute(func() client.ObjectList { return &v1alpha1.AppList{} }), builder.WithPredicates(exposure.RoutesEnd)).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(watches.LabelledApp), builder.WithPredicates(watches.PodChanged)).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.appsOfSecret), builder.WithPredicates(watches.SecretChanged)).
		Watches(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(r.appsOfNamespace), builder.WithPredicates(watches.OrganizationChanged)).
		Watches(&v1alpha1.Organization{}, handler.EnqueueRequestsFromMapFunc(r.appsOfNamespace), builder.WithPredicates(reconciler.PolicyChanged)).
		Watches(&rbacv1.RoleBinding{}, handler.EnqueueRequestsFromMapFunc(r.appsOfNamespace), builder.WithPredicates(reconciler.RightsComeOrGo)).
		Watches(&v1alpha1.HostClaim{}, handler.EnqueueRequestsFromMapFunc(r.appsOfHost), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.Domain{}, handler.EnqueueRequestsFromMapFunc(r.appsOfHost), builder.WithPredicates(watches.AsksOtherwise)).
		Watches(&v1alpha1.HostClaim{}, s.Named.Concerned(v1alpha1.HostHolderApp), builder.WithPredicates(exposure.HostChangedHands)).
		Watches(&v1alpha1.App{}, s.Named.ForgetDeleted()).
		Watches(&v1alpha1.App{}, s.ForgetContests()).
		Watches(&v1alpha1.App{}, r.forgetDeleted())
	return exposure.WatchIssuing(watched, s.Client, watches.ToApp).Complete(s.Instrument("App", reconcile.AsReconciler(s.Client, r)))
}

// Reconcile makes the cluster hold what the App asks for and writes what came of it into the App's status.
func (r *Reconciler) Reconcile(ctx context.Context, app *v1alpha1.App) (reconcile.Result, error) {
	site := resources.AppSite(app, r.Platform)
	if !app.GetDeletionTimestamp().IsZero() {
		return r.End(ctx, app, site)
	}
	s := &Scope{App: app, site: site, hasHost: app.Status.URL == host.URL(site.Host)}
	outcome := phase.Run(ctx, s,
		phase.Phase[*Scope]{Name: reconciler.PhaseOrganization, Gate: true, Run: r.organization},
		phase.Phase[*Scope]{Name: "pull credentials", Condition: v1alpha1.ConditionReferencesResolved, Run: r.PullCredentials},
		phase.Phase[*Scope]{Name: "environment", Condition: v1alpha1.ConditionReferencesResolved, Run: r.environment},
		phase.Phase[*Scope]{Name: "port", Condition: v1alpha1.ConditionReferencesResolved, Run: r.NamedPort},
		phase.Phase[*Scope]{Name: "deployment", Condition: v1alpha1.ConditionAvailable, Run: r.deployment},
		phase.Phase[*Scope]{Name: "pods", Condition: v1alpha1.ConditionAvailable, Run: r.pods},
		phase.Phase[*Scope]{Name: "service", Condition: v1alpha1.ConditionRouteReady, Run: r.service},
		phase.Phase[*Scope]{Name: "host", Condition: v1alpha1.ConditionRouteReady, Gate: true, Run: r.host},
		phase.Phase[*Scope]{Name: "served", Condition: v1alpha1.ConditionCertificateReady, Gate: true, Run: r.served},
		phase.Phase[*Scope]{Name: "certificate", Condition: v1alpha1.ConditionCertificateReady, Run: r.certificate},
		phase.Phase[*Scope]{Name: "route", Condition: v1alpha1.ConditionRouteReady, Run: r.route},
		phase.Phase[*Scope]{Name: "leftovers", Condition: v1alpha1.ConditionCertificateReady, Run: r.leftovers},
	)
	recheck, statusErr := r.writeStatus(ctx, s, outcome)
	return r.Result(app, outcome, statusErr, recheck, s.serving.Recheck, s.Pull.Recheck, s.AskAgain())
}
