package organization

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/conditions"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/internal/policy"
	"github.com/berth-dev/berth/internal/resourcelist"
)

// The annotations by which a labelled Namespace said what is now in the spec of its Organization.
const (
	oldQuota           = "berth.dev/quota"
	oldDefaultRequests = "berth.dev/default-requests"
	oldDefaultLimits   = "berth.dev/default-limits"
	// maxIssuers is how many allowedIssuers an Organization may have.
	maxIssuers = 32
)

// migrate creates the Organization of a Namespace that is one by its label. It changes nothing of what runs: the Organization is trusted and
// allows what its Domains already use.
func (r *Reconciler) migrate(ctx context.Context, ns *corev1.Namespace) (reconcile.Result, error) {
	outcome := phase.Run(ctx, ns, phase.Phase[*corev1.Namespace]{Name: "migration", Run: r.createOrganization})
	conditions.Complain(r.Recorder, ns, outcome)
	return r.Result(ns, outcome, nil)
}

func (r *Reconciler) createOrganization(ctx context.Context, ns *corev1.Namespace) error {
	if r.IsReservedNamespace(ns.GetName()) {
		if err := r.retire(ctx, ns.GetName()); err != nil {
			return err
		}
		return phase.Stall(v1alpha1.ReasonNamespaceReserved, "Namespace %s belongs to the platform and cannot become an organization. Remove its label %s.",
			ns.GetName(), v1alpha1.LabelOrganization)
	}
	org, ignored := organizationOfNamespace(ns)
	var domains v1alpha1.DomainList
	if err := r.Client.List(ctx, &domains, client.InNamespace(ns.GetName())); err != nil {
		return err
	}
	org.Spec.AllowedIssuers = usedIssuers(domains.Items)
	if slices.ContainsFunc(domains.Items, wasVerified) {
		org.Spec.HostVerification = v1alpha1.HostVerificationRequired
	}
	if err := r.Client.Create(ctx, org, client.FieldOwner(v1alpha1.FieldOwner)); err != nil {
		if apierrors.IsAlreadyExists(err) {
			return nil // Its event wakes the reconciler.
		}
		return err
	}
	message := fmt.Sprintf("Created Organization %s for the labelled Namespace: it is trusted, so nothing changes. Review its spec.", org.GetName())
	if len(ignored) > 0 {
		message += " Ignored invalid annotations: " + strings.Join(ignored, ", ") + "."
	}
	r.report(ctx, ns, v1alpha1.ReasonOrganizationCreated, message)
	return nil
}

// organizationOfNamespace returns the Organization of a labelled Namespace, and the annotations that could not be read.
func organizationOfNamespace(ns *corev1.Namespace) (org *v1alpha1.Organization, ignored []string) {
	read := func(annotation string) corev1.ResourceList {
		list, err := resourcelist.Parse(ns.GetAnnotations()[annotation])
		if err != nil {
			ignored = append(ignored, annotation)
		}
		return list
	}
	org = &v1alpha1.Organization{
		ObjectMeta: metav1.ObjectMeta{Name: ns.GetName(), Annotations: map[string]string{v1alpha1.AnnotationMigratedFrom: ns.GetName()}},
		Spec: v1alpha1.OrganizationSpec{
			Trusted: new(true),
			Quota:   read(oldQuota), DefaultRequests: read(oldDefaultRequests), DefaultLimits: read(oldDefaultLimits),
		},
	}
	level := v1alpha1.PodSecurityLevel(ns.GetLabels()[policy.LabelPodSecurity])
	if level == v1alpha1.PodSecurityBaseline || level == v1alpha1.PodSecurityRestricted {
		org.Spec.PodSecurity = level
	}
	return org, ignored
}

// wasVerified reports whether a proof of ownership was required of a Domain. The flag --verify-domains of an earlier version required it of every
// organization, of which a trusted one would be free.
func wasVerified(d v1alpha1.Domain) bool {
	return d.Status.VerifiedHost != "" || d.Status.Verification != nil || meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionVerified) != nil
}

// usedIssuers returns the issuers that Domains name, each once.
func usedIssuers(domains []v1alpha1.Domain) []v1alpha1.IssuerRef {
	var used []v1alpha1.IssuerRef
	for _, d := range domains {
		if d.Spec.TLS != nil && d.Spec.TLS.IssuerRef != nil && !slices.Contains(used, *d.Spec.TLS.IssuerRef) {
			used = append(used, *d.Spec.TLS.IssuerRef)
		}
	}
	return used[:min(len(used), maxIssuers)]
}
