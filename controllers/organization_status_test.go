package controllers

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/cache"
	"github.com/berth-dev/berth/controllers/internal/objects"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
	organizationcontroller "github.com/berth-dev/berth/controllers/organization"
	"github.com/berth-dev/berth/internal/rbac"
)

// What the quota allows and how much of it is in use is told in the status.
func TestOrganizationTellsQuotaUsage(t *testing.T) {
	t.Parallel()
	hard := testobjects.Amounts("count/pods", "20", "requests.memory", "8Gi")
	ns := organization(t, func(s *v1alpha1.OrganizationSpec) { s.Quota = hard })
	used := testobjects.Amounts("count/pods", "0", "requests.memory", "0")
	org := orgNamed(ns)
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, key(org), org); err != nil {
			return err
		}
		if !equality.Semantic.DeepEqual(&v1alpha1.QuotaUsage{Hard: hard, Used: used}, org.Status.Quota) {
			return fmt.Errorf("usage %v, want %v of %v", org.Status.Quota, used, hard)
		}
		return nil
	})
	respec(t, ns, func(s *v1alpha1.OrganizationSpec) { s.Quota = nil })
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, key(org), org); err != nil || org.Status.Quota != nil {
			return errNotYet
		}
		return nil
	})
}

// The usage changes with every Pod, so it is written now and then.
func TestQuotaUsageIsWrittenNowAndThen(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r := organizationcontroller.New(testBase(t, clocktesting.NewFakePassiveClock(now)), testOptions().organizations())
	usage := func(pods string) *v1alpha1.QuotaUsage {
		return &v1alpha1.QuotaUsage{Hard: testobjects.Amounts("pods", "20"), Used: testobjects.Amounts("pods", pods)}
	}
	s := &organizationcontroller.Scope{Org: orgNamed("shop")}
	for i, step := range []struct {
		after       time.Duration
		seen, wrote *v1alpha1.QuotaUsage
		again       time.Duration
	}{
		{0, usage("1"), usage("1"), 0},
		{time.Second, usage("2"), usage("1"), 29 * time.Second},
		{29 * time.Second, usage("3"), usage("3"), 0},
		{time.Second, usage("3"), usage("3"), 0},
		{time.Second, nil, nil, 0},
		{time.Second, usage("4"), usage("4"), 0},
	} {
		now = now.Add(step.after)
		s.Quota = step.seen
		wrote, _, again := r.Count(s, now)
		if diff := cmp.Diff(step.wrote, wrote); diff != "" || again != step.again {
			t.Errorf("step %d: again after %s, want %s; wrote (-want +got):\n%s", i, again, step.again, diff)
		}
		s.Org.Status.Quota = wrote
	}
}

// Whether Pods run in user namespaces is decided once, and by the spec at any time.
func TestOrganizationUserNamespaces(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := newApp(t, ns)
	host := func(want *bool) {
		t.Helper()
		deployment := &appsv1.Deployment{ObjectMeta: testobjects.Named(ns, app.Name)}
		eventually(t, func(ctx context.Context) error {
			if err := api.Get(ctx, key(deployment), deployment); err != nil {
				return err
			}
			if diff := cmp.Diff(want, deployment.Spec.Template.Spec.HostUsers); diff != "" {
				return fmt.Errorf("hostUsers (-want +got):\n%s", diff)
			}
			return nil
		})
	}
	host(nil)
	respec(t, ns, func(s *v1alpha1.OrganizationSpec) { s.UserNamespaces = v1alpha1.UserNamespacesEnabled })
	host(new(false))
	respec(t, ns, func(s *v1alpha1.OrganizationSpec) { s.UserNamespaces = "" })
	expect(t, orgNamed(ns), status.CurrentStatus, readyOrganization)
	host(new(false))
}

func TestSupportsUserNamespaces(t *testing.T) {
	t.Parallel()
	handler := func(name string, supports *bool) corev1.NodeRuntimeHandler {
		return corev1.NodeRuntimeHandler{Name: name, Features: &corev1.NodeRuntimeHandlerFeatures{UserNamespaces: supports}}
	}
	cases := map[string]struct {
		handlers []corev1.NodeRuntimeHandler
		want     bool
	}{
		"Unknown":      {},
		"Supported":    {[]corev1.NodeRuntimeHandler{handler("", new(true))}, true},
		"NotSupported": {[]corev1.NodeRuntimeHandler{handler("", new(false)), handler("runc", new(true))}, false},
		"NoFeatures":   {[]corev1.NodeRuntimeHandler{{Name: ""}}, false},
		"OtherHandler": {[]corev1.NodeRuntimeHandler{handler("crun", new(true))}, false},
		"OneOfSeveral": {[]corev1.NodeRuntimeHandler{handler("crun", new(false)), handler("", new(true))}, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			node := &corev1.Node{Status: corev1.NodeStatus{RuntimeHandlers: tc.handlers}}
			kept, err := cache.KeepOfNode(node)
			if err != nil {
				t.Fatal(err)
			}
			if o, ok := kept.(*corev1.Node); !ok || organizationcontroller.SupportsUserNamespaces(o) != tc.want {
				t.Errorf("a Node with %v supports them: %t, want %t", tc.handlers, !tc.want, tc.want)
			}
		})
	}
}

// An image of a registry that the Organization does not allow is not run, and what runs goes on.
func TestAppOfARegistryThatIsNotAllowed(t *testing.T) {
	t.Parallel()
	ns := organization(t, func(s *v1alpha1.OrganizationSpec) { s.AllowedRegistries = []string{"registry.example.com/shop"} })
	app := newApp(t, ns)
	before := awaitDeployment(t, app)
	patch(t, app, func(client.Object) { app.Spec.Image = "nginx:1" })
	denied := failing(v1alpha1.ReasonRegistryNotAllowed)
	expect(t, app, status.FailedStatus, map[string]condition{v1alpha1.ConditionReady: denied, v1alpha1.ConditionAvailable: denied})
	says(t, app, "Organization "+ns+" does not allow images from docker.io.")
	unchanged(t, before)
	respec(t, ns, func(s *v1alpha1.OrganizationSpec) {
		s.AllowedRegistries = append(s.AllowedRegistries, "docker.io/library/*")
	})
	expect(t, app, status.InProgressStatus, map[string]condition{v1alpha1.ConditionReady: working})
	respec(t, ns, func(s *v1alpha1.OrganizationSpec) { s.DeniedRegistries = []string{"docker.io"} })
	expect(t, app, status.FailedStatus, map[string]condition{v1alpha1.ConditionReady: denied})
}

// A registry in the node's network is for organizations that are trusted, or that are allowed it by name.
func TestAppOfAnInternalRegistry(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := newApp(t, ns)
	before := awaitDeployment(t, app)
	respec(t, ns, func(s *v1alpha1.OrganizationSpec) { s.Trusted = nil })
	patch(t, app, func(client.Object) { app.Spec.Image = "10.0.0.5:6443/x:y" })
	denied := failing(v1alpha1.ReasonRegistryNotAllowed)
	expect(t, app, status.FailedStatus, map[string]condition{v1alpha1.ConditionReady: denied})
	says(t, app, "does not allow images from 10.0.0.5:6443.")
	says(t, app, "IP addresses and internal names have to be allowed by name.")
	unchanged(t, before)
	respec(t, ns, func(s *v1alpha1.OrganizationSpec) { s.AllowedRegistries = []string{"10.0.0.5:6443"} })
	expect(t, app, status.InProgressStatus, map[string]condition{v1alpha1.ConditionReady: working})
}

// Namespaces that the Organization names are open to it.
func TestOrganizationAllowsNamespaces(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	allowed := func(ctx context.Context) []string {
		policy := &networkingv1.NetworkPolicy{ObjectMeta: testobjects.Named(ns, "berth")}
		if err := api.Get(ctx, key(policy), policy); err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, peer := range policy.Spec.Egress[0].To {
			if peer.NamespaceSelector != nil {
				for _, e := range peer.NamespaceSelector.MatchExpressions {
					all = append(all, e.Values...)
				}
			}
		}
		return all
	}
	if got := allowed(t.Context()); len(got) > 0 {
		t.Errorf("the Pods reach those of %q", got)
	}
	for _, want := range [][]string{{"databases", "queues"}, nil} {
		respec(t, ns, func(s *v1alpha1.OrganizationSpec) { s.Egress = &v1alpha1.OrganizationEgress{AllowedNamespaces: want} })
		eventually(t, func(ctx context.Context) error {
			if got := allowed(ctx); !slices.Equal(got, want) {
				return fmt.Errorf("the Pods reach those of %q, want %q", got, want)
			}
			return nil
		})
	}
}

// Networks that the Organization names are denied beside the platform's.
func TestOrganizationDeniesNetworks(t *testing.T) {
	t.Parallel()
	ns := organization(t, func(s *v1alpha1.OrganizationSpec) {
		s.Egress = &v1alpha1.OrganizationEgress{DeniedNetworks: []string{"198.18.7.0/24", "2001:db8:7::/48"}}
	})
	awaitDenied(t, ns, true, "198.18.7.0/24", "2001:db8:7::/48", "169.254.0.0/16")
	respec(t, ns, func(s *v1alpha1.OrganizationSpec) { s.Egress = nil })
	awaitDenied(t, ns, false, "198.18.7.0/24", "2001:db8:7::/48")
}

// What somebody else has made isn't touched, and keeps nothing else from being made.
func TestOrganizationWithObjectsOfOthers(t *testing.T) {
	t.Parallel()
	ns := namespace(t, nil)
	binding := roleBinding(ns, rbac.ClusterRoleManager)
	binding.RoleRef = rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"}
	policy := &networkingv1.NetworkPolicy{ObjectMeta: testobjects.Named(ns, "berth")}
	quota := &corev1.ResourceQuota{ObjectMeta: testobjects.Named(ns, "berth")}
	all := map[string]client.Object{"RoleBinding": binding, "NetworkPolicy": policy, "ResourceQuota": quota}
	for _, o := range all {
		create(t, o)
		eventually(t, func(ctx context.Context) error { return cached.Get(ctx, key(o), o) })
	}
	org := orgNamed(ns)
	org.Spec = v1alpha1.OrganizationSpec{Trusted: new(true), Quota: testobjects.Amounts("pods", "3"), DefaultLimits: testobjects.Amounts("memory", "1Gi")}
	mark(t, ns)
	create(t, org)
	for _, o := range []client.Object{&corev1.LimitRange{ObjectMeta: testobjects.Named(ns, "berth")}, roleBinding(ns, rbac.ClusterRoleContributor)} {
		eventually(t, func(ctx context.Context) error { return api.Get(ctx, key(o), o) })
	}
	for i, kind := range []string{"RoleBinding", "NetworkPolicy", "ResourceQuota"} {
		part := []string{v1alpha1.ConditionAuthorized, v1alpha1.ConditionBounded, v1alpha1.ConditionBounded}[i]
		expect(t, org, status.FailedStatus, map[string]condition{part: failing(v1alpha1.ReasonNotOwned), v1alpha1.ConditionReady: failing(v1alpha1.ReasonNotOwned)})
		says(t, org, kind+" "+all[kind].GetName()+" exists already")
		unchanged(t, all[kind])
		remove(t, all[kind])
		eventually(t, func(ctx context.Context) error {
			if err := api.Get(ctx, key(all[kind]), all[kind]); err != nil {
				return err
			}
			if !objects.IsOrganizations(all[kind]) {
				return errNotYet
			}
			return nil
		})
	}
	expect(t, org, status.CurrentStatus, readyOrganization)
	if ref := metav1.GetControllerOf(quota); !slices.Contains([]string{"Namespace"}, ref.Kind) {
		t.Errorf("the ResourceQuota is controlled by %v", ref)
	}
}
