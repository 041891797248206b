package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	certmanagerv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	berthv1alpha1 "github.com/berth-dev/berth/api/v1alpha1"
)

func TestLifecycleOverREST(t *testing.T) {
	t.Parallel()
	manager := organization(t, "rest-org")
	lifecycle(t, &restDoor{restClient: manager}, "rest-org", "rest-app")
}

func TestLifecycleWithKubectl(t *testing.T) {
	t.Parallel()
	organization(t, "kubectl-org")
	lifecycle(t, &kubectlDoor{namespace: "kubectl-org"}, "kubectl-org", "kubectl-app")
}

// lifecycle leads an App from its creation to its end through one door, with somebody visiting its page all the while.
func lifecycle(t *testing.T, d door, namespace, slug string) {
	t.Helper()
	host, tag := slug+"."+berth.Env.BaseDomain, slug+":moving"
	location := push(t, tag, "-version=v1")

	d.apply(t, slug, location, "Good morning")
	mustBeReady(t, namespace, slug)
	waitForPage(t, host, "Good morning from sample v1")
	if logs := d.logs(t, slug); !strings.Contains(logs, "sample serves") {
		t.Errorf("the logs lack the line that the sample begins with: %q", logs)
	}

	before := podUIDs(t, namespace, slug)
	mustChangeNothing(t, namespace, slug, func() { d.apply(t, slug, location, "Good morning") })

	visitor := visit(t, host)
	d.apply(t, slug, location, "Good evening")
	waitForPage(t, host, "Good evening from sample v1")
	mustBeReplaced(t, namespace, slug, before)
	visitor.MustNotHaveNoticed(t)

	before = podUIDs(t, namespace, slug)
	push(t, tag, "-version=v2")
	visitor = visit(t, host)
	d.restart(t, slug)
	waitForPage(t, host, "Good evening from sample v2")
	mustBeReplaced(t, namespace, slug, before)
	visitor.MustNotHaveNoticed(t)

	d.remove(t, slug)
	mustLeaveNothing(t, namespace)
}

func mustBeReady(t *testing.T, namespace, slug string) {
	t.Helper()
	if err := berth.WaitReady(t.Context(), namespace, slug, time.Minute); err != nil {
		t.Fatal(err)
	}
}

// mustChangeNothing fails the test if an action changes the App, its Deployment or its Pods, at once or within the time in which the operator
// would have followed a change.
func mustChangeNothing(t *testing.T, namespace, slug string, act func()) {
	t.Helper()
	state := func() []string {
		var a berthv1alpha1.App
		if err := berth.Client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: slug}, &a); err != nil {
			t.Fatal(err)
		}
		return append(podUIDs(t, namespace, slug),
			fmt.Sprint("App generation ", a.Generation), "restarted at "+a.Annotations[berthv1alpha1.AnnotationRestartedAt],
			fmt.Sprint("Deployment generation ", deployment(t, namespace, slug).Generation))
	}
	before := state()
	act()
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if diff := cmp.Diff(before, state()); diff != "" {
			t.Fatalf("something changed, -before +after:\n%s", diff)
		}
	}
}

// podUIDs are the UIDs of an App's Pods, those on their way out included.
func podUIDs(t *testing.T, namespace, slug string) []string {
	t.Helper()
	var list corev1.PodList
	if err := berth.Client.List(t.Context(), &list, client.InNamespace(namespace), client.MatchingLabels{berthv1alpha1.LabelApp: slug}); err != nil {
		t.Fatal(err)
	}
	var uids []string
	for _, p := range list.Items {
		uids = append(uids, string(p.UID))
	}
	slices.Sort(uids)
	return uids
}

// mustBeReplaced waits until none of the given Pods is left, not even one that ends, and the App is Ready with others.
func mustBeReplaced(t *testing.T, namespace, slug string, before []string) {
	t.Helper()
	eventually(t, time.Minute, "other Pods than "+strings.Join(before, " "), func() (bool, string) {
		now := podUIDs(t, namespace, slug)
		old := slices.ContainsFunc(now, func(uid string) bool { return slices.Contains(before, uid) })
		return len(now) > 0 && !old, strings.Join(now, " ")
	})
	mustBeReady(t, namespace, slug)
}

func deployment(t *testing.T, namespace, slug string) *appsv1.Deployment {
	t.Helper()
	var d appsv1.Deployment
	if err := berth.Client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: slug}, &d); err != nil {
		t.Fatal(err)
	}
	return &d
}

// mustLeaveNothing waits until a Namespace holds nothing of an App any more but certificates that can be used again, which the claims of the hosts keep.
func mustLeaveNothing(t *testing.T, namespace string) {
	t.Helper()
	lists := []client.ObjectList{
		&berthv1alpha1.AppList{}, &berthv1alpha1.DomainList{}, &appsv1.DeploymentList{}, &appsv1.ReplicaSetList{}, &corev1.PodList{},
		&corev1.ServiceList{}, &corev1.SecretList{}, &networkingv1.IngressList{}, &certmanagerv1.CertificateList{},
	}
	eventually(t, time.Minute, "nothing is left in "+namespace, func() (bool, string) {
		for _, list := range lists {
			if err := berth.Client.List(t.Context(), list, client.InNamespace(namespace)); err != nil {
				t.Fatal(err)
			}
			if secrets, ok := list.(*corev1.SecretList); ok {
				secrets.Items = slices.DeleteFunc(secrets.Items, isKept)
			}
			if n := meta.LenList(list); n > 0 {
				return false, fmt.Sprintf("%d of %T", n, list)
			}
		}
		return true, ""
	})
}

// isKept reports whether only the claim of a host owns a Secret.
func isKept(secret corev1.Secret) bool {
	owners := secret.GetOwnerReferences()
	return len(owners) == 1 && owners[0].Kind == "HostClaim"
}
