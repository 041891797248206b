package controllers

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
	"github.com/berth-dev/berth/controllers/internal/desired"
	"github.com/berth-dev/berth/controllers/internal/image"
	"github.com/berth-dev/berth/controllers/internal/phase"
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

// appReconciler makes the cluster run Apps.
type appReconciler struct {
	sites
	// ports were read for Apps that name them in Secrets and ConfigMaps.
	ports readPorts
}

// appScope is what the phases of one reconcile of an App share. Each phase keeps in it what it read or what the API server answered,
// and the status is made from that.
type appScope struct {
	app  *v1alpha1.App
	site desired.Site
	// pull is how the credentials for the App's registry are doing.
	pull pull
	// port that the container serves on, once it is known. portUnread says that the App names one that cannot be read.
	port       desired.Port
	portUnread bool
	// imageFailure says why the registry of the image has not said which port it exposes, if it was asked.
	imageFailure *image.Error

	// deployment as it is now; its UID is empty until the phase has succeeded.
	deployment appsv1.Deployment
	// pods of the App that do not end already, of all its versions.
	pods []corev1.Pod
	// revision is the Pod template hash of the Deployment's newest version; empty while the Deployment's controller has to make it.
	revision string
	// hasHost says that the default host is the App's; until that is decided, that it was so when last seen.
	hasHost bool
	// serving is what there is of certificates for the default host, and which one its route serves.
	serving serving
}

func setupApp(mgr manager.Manager, s sites, o controller.Options) error {
	r := &appReconciler{sites: s, ports: newReadPorts()}
	child := handler.EnqueueRequestsFromMapFunc(toApp)
	watched := builder.ControllerManagedBy(mgr).
		Named("app").
		WithOptions(o).
		For(&v1alpha1.App{}, builder.WithPredicates(predicate.Or(
			predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}, statusChanged))).
		Watches(&appsv1.Deployment{}, child, builder.WithPredicates(ownedOrNew)).
		Watches(&corev1.Service{}, child, builder.WithPredicates(ownedOrNew)).
		Watches(&cmv1.Certificate{}, child, builder.WithPredicates(ownedOrNew)).
		Watches(&networkingv1.Ingress{}, child, builder.WithPredicates(ownedOrNew)).
		Watches(&networkingv1.Ingress{}, s.ofRoute(func() client.ObjectList { return &v1alpha1.AppList{} }), builder.WithPredicates(routesEnd)).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(labelledApp), builder.WithPredicates(podChanged)).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.appsOfSecret), builder.WithPredicates(secretChanged)).
		Watches(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(r.appsOfNamespace), builder.WithPredicates(organizationChanged)).
		Watches(&v1alpha1.Organization{}, handler.EnqueueRequestsFromMapFunc(r.appsOfNamespace), builder.WithPredicates(policyChanged)).
		Watches(&rbacv1.RoleBinding{}, handler.EnqueueRequestsFromMapFunc(r.appsOfNamespace), builder.WithPredicates(rightsComeOrGo)).
		Watches(&v1alpha1.HostClaim{}, handler.EnqueueRequestsFromMapFunc(r.appsOfHost), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.Domain{}, handler.EnqueueRequestsFromMapFunc(r.appsOfHost), builder.WithPredicates(asksOtherwise)).
		Watches(&v1alpha1.HostClaim{}, s.named.concerned(v1alpha1.HostHolderApp), builder.WithPredicates(hostChangedHands)).
		Watches(&v1alpha1.App{}, s.named.forgetDeleted()).
		Watches(&v1alpha1.App{}, s.forgetContests()).
		Watches(&v1alpha1.App{}, r.forgetDeleted())
	return watchIssuing(watched, s.client, toApp).Complete(s.measured("App", reconcile.AsReconciler(s.client, r)))
}

// Reconcile makes the cluster hold what the App asks for and writes what came of it into the App's status.
func (r *appReconciler) Reconcile(ctx context.Context, app *v1alpha1.App) (reconcile.Result, error) {
	site := desired.AppSite(app, r.platform)
	if !app.GetDeletionTimestamp().IsZero() {
		return r.sites.end(ctx, app, site)
	}
	s := &appScope{app: app, site: site, hasHost: app.Status.URL == host.URL(site.Host)}
	outcome := phase.Run(ctx, s,
		phase.Phase[*appScope]{Name: phaseOrganization, Gate: true, Run: r.organization},
		phase.Phase[*appScope]{Name: "pull credentials", Condition: v1alpha1.ConditionConfigured, Run: r.pullCredentials},
		phase.Phase[*appScope]{Name: "environment", Condition: v1alpha1.ConditionConfigured, Run: r.environment},
		phase.Phase[*appScope]{Name: "port", Condition: v1alpha1.ConditionConfigured, Run: r.namedPort},
		phase.Phase[*appScope]{Name: "deployment", Condition: v1alpha1.ConditionAvailable, Run: r.deployment},
		phase.Phase[*appScope]{Name: "pods", Condition: v1alpha1.ConditionAvailable, Run: r.pods},
		phase.Phase[*appScope]{Name: "service", Condition: v1alpha1.ConditionRouted, Run: r.service},
		phase.Phase[*appScope]{Name: "host", Condition: v1alpha1.ConditionRouted, Gate: true, Run: r.host},
		phase.Phase[*appScope]{Name: "served", Condition: v1alpha1.ConditionCertified, Gate: true, Run: r.served},
		phase.Phase[*appScope]{Name: "certificate", Condition: v1alpha1.ConditionCertified, Run: r.certificate},
		phase.Phase[*appScope]{Name: "route", Condition: v1alpha1.ConditionRouted, Run: r.route},
		phase.Phase[*appScope]{Name: "leftovers", Condition: v1alpha1.ConditionCertified, Run: r.leftovers},
	)
	recheck, statusErr := r.writeStatus(ctx, s, outcome)
	return r.result(app, outcome, statusErr, recheck, s.serving.recheck, s.pull.recheck, s.askAgain())
}
