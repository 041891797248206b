package controllers

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
	organizationcontroller "github.com/berth-dev/berth/controllers/organization"
	"github.com/berth-dev/berth/internal/rbac"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

func nsNamed(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

// An Organization creates its Namespace, owns it, and says in its status what its members need to know.
func TestOrganizationCreatesItsNamespace(t *testing.T) {
	t.Parallel()
	org := orgNamed(organization(t))
	expect(t, org, status.CurrentStatus, readyOrganization)
	ns := nsNamed(org.Name)
	get(t, ns)
	if !metav1.IsControlledBy(ns, org) || ns.Annotations[v1alpha1.AnnotationOrganizationUID] != string(org.UID) {
		t.Errorf("the Namespace is owned by %v (annotations %v), want the Organization", ns.OwnerReferences, ns.Annotations)
	}
	want := v1alpha1.OrganizationStatus{
		ExternalID: ns.Annotations[v1alpha1.AnnotationExternalID], VerificationToken: ns.Annotations[v1alpha1.AnnotationVerificationToken],
		UserNamespaces: v1alpha1.UserNamespacesDisabled, ObservedGeneration: 1, Conditions: org.Status.Conditions,
		Usage: org.Status.Usage, // Whatever has been counted by now.
	}
	if diff := cmp.Diff(want, org.Status); diff != "" || len(want.ExternalID) != 32 {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	told(t, "Organization", org.Name, v1alpha1.ReasonNamespaceCreated, "Created Namespace "+org.Name)
}

// A Namespace that exists belongs to its owner until an administrator says otherwise.
func TestOrganizationAdoptsLabelledNamespacesAlone(t *testing.T) {
	t.Parallel()
	ns := nsNamed(namespace(t, nil))
	get(t, ns)
	org := orgNamed(ns.Name)
	create(t, org)
	stalled := map[string]condition{
		v1alpha1.ConditionReady:          failing(v1alpha1.ReasonNotOwned),
		v1alpha1.ConditionStalled:        {metav1.ConditionTrue, v1alpha1.ReasonNotOwned},
		v1alpha1.ConditionNamespaceReady: failing(v1alpha1.ReasonNotOwned),
		v1alpha1.ConditionAuthorized:     pending,
		v1alpha1.ConditionBounded:        pending,
	}
	expect(t, org, status.FailedStatus, stalled)
	says(t, org, fmt.Sprintf("kubectl label --overwrite namespace %[1]s berth.dev/organization=%[1]s", ns.Name))
	unchanged(t, ns)
	patch(t, ns, func(client.Object) { ns.Labels[v1alpha1.LabelOrganization] = "other" })
	settle()
	expect(t, org, status.FailedStatus, stalled)
	uid := ns.UID
	mark(t, ns.Name)
	expect(t, org, status.CurrentStatus, readyOrganization)
	get(t, ns)
	if !metav1.IsControlledBy(ns, org) || ns.UID != uid {
		t.Errorf("the Namespace is owned by %v, want the Organization", ns.OwnerReferences)
	}
	told(t, "Organization", org.Name, v1alpha1.ReasonNamespaceAdopted, "Adopted Namespace "+org.Name)
}

// The platform's own Namespaces never become organizations: their members could write API keys, or certificates of others.
func TestReservedNamespacesAreNoOrganizations(t *testing.T) {
	t.Parallel()
	for _, name := range []string{testenv.Namespace, testenv.KeysNamespace, "traefik", "cert-manager", "never"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org := orgNamed(name)
			create(t, org)
			t.Cleanup(func() {
				if err := api.Delete(context.WithoutCancel(t.Context()), orgNamed(name)); err != nil {
					t.Error(err)
				}
			})
			expect(t, org, status.FailedStatus, map[string]condition{
				v1alpha1.ConditionReady:          failing(v1alpha1.ReasonNamespaceReserved),
				v1alpha1.ConditionNamespaceReady: failing(v1alpha1.ReasonNamespaceReserved),
				v1alpha1.ConditionAuthorized:     pending,
			})
			for _, b := range rbac.Bindings(name, testenv.Namespace)[2:] {
				absent(t, roleBinding(name, b.Name))
			}
			if name != testenv.Namespace && name != testenv.KeysNamespace {
				absent(t, nsNamed(name))
			}
		})
	}
	for _, name := range []string{"default", "kube-system", "kube-other"} {
		if err := api.Create(t.Context(), orgNamed(name)); err == nil || !strings.Contains(err.Error(), "system Namespaces cannot become organizations") {
			t.Errorf("create %s: got error %v", name, err)
		}
	}
}

// orphan deletes the Organization of a Namespace and keeps the Namespace, as the garbage collector does, which does not run here.
func orphan(t *testing.T, ns string) {
	t.Helper()
	remove(t, orgNamed(ns))
	patch(t, nsNamed(ns), func(o client.Object) { o.SetOwnerReferences(nil) })
}

// A Namespace that loses its label, or its Organization, gives nobody rights any more. Its Pods, if any still run, stay isolated.
func TestNamespaceStopsBeingAnOrganization(t *testing.T) {
	t.Parallel()
	ends := map[string]struct{ end, again func(t *testing.T, ns string) }{
		"Unlabelled": {
			end: func(t *testing.T, ns string) {
				t.Helper()
				o := nsNamed(ns)
				patch(t, o, func(client.Object) { delete(o.Labels, v1alpha1.LabelOrganization) })
			},
			again: mark,
		},
		"Deleted": {
			end:   orphan,
			again: label,
		},
	}
	for name, tc := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := organization(t, func(s *v1alpha1.OrganizationSpec) { s.Quota = testobjects.Amounts("count/pods", "3") })
			app := newApp(t, ns)
			awaitDeployment(t, app)
			expect(t, orgNamed(ns), status.CurrentStatus, readyOrganization)
			quota := &corev1.ResourceQuota{ObjectMeta: testobjects.Named(ns, "berth")}
			isolation := &networkingv1.NetworkPolicy{ObjectMeta: testobjects.Named(ns, "berth")}
			unrelated := roleBinding(ns, "berth-someone")
			unrelated.RoleRef = rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"}
			create(t, unrelated)
			tc.end(t, ns)
			for _, b := range rbac.Bindings(ns, testenv.Namespace) {
				awaitAbsent(t, roleBinding(ns, b.Name))
			}
			get(t, isolation)
			get(t, quota)
			unchanged(t, unrelated)
			told(t, "Namespace", ns, v1alpha1.ReasonAccessRemoved, "berth-manager")
			expect(t, app, status.FailedStatus, map[string]condition{v1alpha1.ConditionReady: failing(v1alpha1.ReasonNotInOrganization)})
			get(t, &appsv1.Deployment{ObjectMeta: testobjects.Named(ns, app.Name)})
			tc.again(t, ns)
			for _, b := range rbac.Bindings(ns, testenv.Namespace) {
				awaitBinding(t, ns, b)
			}
			expect(t, app, status.InProgressStatus, map[string]condition{v1alpha1.ConditionReady: working})
		})
	}
}

// An Organization that the cache still has although it is deleted never gets back the Namespace that it was told to leave: the garbage collector would
// delete that.
func TestOrphanIsNotAdoptedByItsLateOwner(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	org := orgNamed(ns)
	expect(t, org, status.CurrentStatus, readyOrganization)
	orphan(t, ns)
	o := nsNamed(ns)
	get(t, o)
	r := organizationcontroller.New(testBase(t, clocktesting.NewFakePassiveClock(time.Now())), testOptions().organizations())
	if err := r.Adopt(t.Context(), &organizationcontroller.Scope{Org: org, Ns: o}); err == nil {
		t.Error("the Namespace was adopted")
	}
	get(t, o)
	if len(o.OwnerReferences) > 0 {
		t.Errorf("the Namespace is owned by %v", o.OwnerReferences)
	}
}

// A level of Pod Security that an administrator has set on the Namespace takes precedence over that of the spec.
func TestOrganizationPodSecurity(t *testing.T) {
	t.Parallel()
	const enforce, warn = "pod-security.kubernetes.io/enforce", "pod-security.kubernetes.io/warn"
	cases := map[string]struct {
		before map[string]string
		// change is what an administrator sets afterwards; an empty value takes a label away.
		change, want map[string]string
		level        v1alpha1.PodSecurityLevel
	}{
		"Default":      {want: map[string]string{enforce: "baseline", warn: "baseline"}},
		"Restricted":   {before: map[string]string{enforce: "restricted"}, want: map[string]string{enforce: "restricted"}},
		"Warned":       {before: map[string]string{warn: "restricted"}, want: map[string]string{enforce: "baseline", warn: "restricted"}},
		"SetLater":     {change: map[string]string{enforce: "privileged"}, want: map[string]string{enforce: "privileged"}},
		"TakenAway":    {change: map[string]string{enforce: ""}, want: map[string]string{enforce: "baseline", warn: "baseline"}},
		"WarningLater": {change: map[string]string{warn: "restricted"}, want: map[string]string{enforce: "baseline", warn: "restricted"}},
		"Spec":         {level: "restricted", want: map[string]string{enforce: "restricted", warn: "restricted"}},
		"SpecAndLabel": {level: "restricted", before: map[string]string{enforce: "baseline"}, want: map[string]string{enforce: "baseline"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := nsNamed(namespace(t, tc.before))
			label(t, ns.Name)
			respec(t, ns.Name, func(s *v1alpha1.OrganizationSpec) { s.PodSecurity = tc.level })
			expect(t, orgNamed(ns.Name), status.CurrentStatus, readyOrganization)
			if tc.change != nil {
				patch(t, ns, func(client.Object) {
					for k, v := range tc.change {
						ns.Labels[k] = v
						if v == "" {
							delete(ns.Labels, k)
						}
					}
				})
			}
			awaitPodSecurity(t, ns.Name, tc.want)
		})
	}
	ns := organization(t, func(s *v1alpha1.OrganizationSpec) { s.PodSecurity = "restricted" })
	awaitPodSecurity(t, ns, map[string]string{enforce: "restricted", warn: "restricted"})
	respec(t, ns, func(s *v1alpha1.OrganizationSpec) { s.PodSecurity = "" })
	awaitPodSecurity(t, ns, map[string]string{enforce: "baseline", warn: "baseline"})
}

// awaitPodSecurity waits until a Namespace has these labels of Pod Security and no others.
func awaitPodSecurity(t *testing.T, name string, want map[string]string) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		ns := nsNamed(name)
		if err := api.Get(ctx, key(ns), ns); err != nil {
			return err
		}
		got := map[string]string{}
		for k, v := range ns.Labels {
			if strings.HasPrefix(k, "pod-security") {
				got[k] = v
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			return fmt.Errorf("labels (-want +got):\n%s", diff)
		}
		return nil
	})
}

// The first App of an organization that is just made gets on at once, and nobody is told that something was refused.
func TestFirstAppOfANewOrganization(t *testing.T) {
	t.Parallel()
	for range 5 {
		ns := namespace(t, nil)
		label(t, ns)
		app := newApp(t, ns)
		deployment := &appsv1.Deployment{ObjectMeta: testobjects.Named(ns, app.Name)}
		eventually(t, func(ctx context.Context) error { return api.Get(ctx, key(deployment), deployment) })
		get(t, app)
		if got := message(app, v1alpha1.ConditionReady); strings.Contains(got, "refused") {
			t.Errorf("the App says %q", got)
		}
		if strings.Contains(logged.String(), "forbidden") {
			t.Errorf("a write was refused:\n%s", logged)
		}
	}
}

// An Organization that is created again right after it was deleted does not get what the earlier one had: it waits until its Namespace is gone.
func TestOrganizationIsCreatedAgain(t *testing.T) {
	t.Parallel()
	ns := nsNamed(organization(t))
	before := ids(t, ns)
	remove(t, orgNamed(ns.Name))
	create(t, orgNamed(ns.Name))
	expect(t, orgNamed(ns.Name), status.InProgressStatus, map[string]condition{
		v1alpha1.ConditionNamespaceReady: working, v1alpha1.ConditionAuthorized: pending,
	})
	uid := ns.UID
	remove(t, ns)
	finalize(t, ns)
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, key(ns), ns); err != nil || ns.UID == uid {
			return errNotYet
		}
		return nil
	})
	after := ids(t, ns)
	for name := range before {
		if before[name] == after[name] {
			t.Errorf("%s is that of the earlier Organization", name)
		}
	}
}
