package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/reconciler"
	organizationcontroller "github.com/berth-dev/berth/controllers/organization"
	"github.com/berth-dev/berth/internal/rbac"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

// ids returns the ids of an organization, once it has them.
func ids(t *testing.T, ns *corev1.Namespace) map[string]string {
	t.Helper()
	got := map[string]string{}
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, key(ns), ns); err != nil {
			return err
		}
		for _, name := range []string{v1alpha1.AnnotationExternalID, v1alpha1.AnnotationVerificationToken} {
			if got[name] = ns.Annotations[name]; len(got[name]) != 32 {
				return fmt.Errorf("%s is %q", name, got[name])
			}
		}
		return nil
	})
	return got
}

func TestOrganizationGetsIDs(t *testing.T) {
	t.Parallel()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: organization(t)}}
	first := ids(t, ns)
	patch(t, ns, func(client.Object) { metav1.SetMetaDataLabel(&ns.ObjectMeta, "a", "b") })
	settle()
	if diff := cmp.Diff(first, ids(t, ns)); diff != "" {
		t.Errorf("the ids changed (-before +after):\n%s", diff)
	}
	seen := map[string]bool{}
	other := ids(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: organization(t)}})
	for _, id := range slices.Concat(slices.Collect(maps.Values(first)), slices.Collect(maps.Values(other))) {
		if seen[id] {
			t.Errorf("two ids are %s", id)
		}
		seen[id] = true
	}
}

func TestExternalIDIsKept(t *testing.T) {
	t.Parallel()
	ns := nsNamed(namespace(t, nil))
	patch(t, ns, func(client.Object) {
		metav1.SetMetaDataAnnotation(&ns.ObjectMeta, v1alpha1.AnnotationExternalID, "kept")
	})
	label(t, ns.Name)
	expect(t, orgNamed(ns.Name), status.CurrentStatus, readyOrganization)
	get(t, ns)
	if got := ns.Annotations[v1alpha1.AnnotationExternalID]; got != "kept" {
		t.Errorf("the external id is %q, want that of before", got)
	}
}

// finalize plays the Namespace controller: it lets a Namespace go that is being deleted.
func finalize(t *testing.T, ns *corev1.Namespace) {
	t.Helper()
	get(t, ns)
	ns.Spec.Finalizers = nil
	if err := api.SubResource("finalize").Update(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
}

// An organization that is restored from a backup, without its status and with other UIDs, is to the customers' AWS roles the one that it was.
func TestExternalIDSurvivesRestore(t *testing.T) {
	t.Parallel()
	ns := nsNamed(organization(t))
	want := ids(t, ns)
	manifest, err := json.Marshal(ns)
	if err != nil {
		t.Fatal(err)
	}
	remove(t, orgNamed(ns.Name))
	for _, b := range rbac.Bindings(ns.Name, testenv.Namespace) {
		awaitAbsent(t, roleBinding(ns.Name, b.Name))
	}
	// What deletes a Namespace's objects and then lets it go doesn't run here.
	for _, o := range []client.Object{&networkingv1.NetworkPolicy{}, &corev1.LimitRange{}, &corev1.ResourceQuota{}} {
		if err := api.DeleteAllOf(t.Context(), o, client.InNamespace(ns.Name)); err != nil {
			t.Fatal(err)
		}
	}
	remove(t, ns)
	finalize(t, ns)
	absent(t, nsNamed(ns.Name))

	restored := &corev1.Namespace{}
	if err := json.Unmarshal(manifest, restored); err != nil {
		t.Fatal(err)
	}
	restored.ResourceVersion, restored.OwnerReferences = "", nil
	create(t, restored)
	settle()
	absent(t, orgNamed(ns.Name))
	create(t, orgNamed(ns.Name))
	expect(t, orgNamed(ns.Name), status.CurrentStatus, readyOrganization)
	if diff := cmp.Diff(want, ids(t, restored)); diff != "" {
		t.Errorf("the ids changed (-before +after):\n%s", diff)
	}
}

// A Namespace that is deleted alone comes again, empty, with the same ids.
func TestNamespaceComesAgain(t *testing.T) {
	t.Parallel()
	ns := nsNamed(organization(t))
	expect(t, orgNamed(ns.Name), status.CurrentStatus, readyOrganization)
	want, uid := ids(t, ns), ns.UID
	remove(t, ns)
	expect(t, orgNamed(ns.Name), status.InProgressStatus, map[string]condition{v1alpha1.ConditionNamespaceReady: working})
	finalize(t, ns)
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, key(ns), ns); err != nil || ns.UID == uid {
			return errNotYet
		}
		return nil
	})
	if diff := cmp.Diff(want, ids(t, ns)); diff != "" {
		t.Errorf("the ids changed (-before +after):\n%s", diff)
	}
}

// An external id that another client has written since the Namespace was read is not overwritten.
func TestExternalIDIsNotOverwritten(t *testing.T) {
	t.Parallel()
	ns := nsNamed(namespace(t, nil))
	get(t, ns)
	stale := ns.DeepCopy()
	patch(t, ns, func(o client.Object) { o.SetAnnotations(map[string]string{v1alpha1.AnnotationExternalID: "restored"}) })
	r := &organizationcontroller.Reconciler{Base: reconciler.Base{Client: api, Live: api, Rights: &sync.Map{}, Refusals: reconciler.NewRefusalLimiter()}}
	org := orgNamed(ns.Name)
	create(t, org) // The operator leaves the Namespace alone, which lacks the label.
	if err := r.Adopt(t.Context(), &organizationcontroller.Scope{Org: org, Ns: stale}); !apierrors.IsConflict(err) {
		t.Errorf("adopt: got error %v, want a conflict", err)
	}
	get(t, ns)
	if got := ns.Annotations[v1alpha1.AnnotationExternalID]; got != "restored" {
		t.Errorf("the external id is %q, want %q", got, "restored")
	}
}

// An organization that is created again is another customer's: a host that is held for the earlier one of its name has to be proven again.
func TestProofsEndWithTheOrganization(t *testing.T) {
	t.Parallel()
	name := "again-" + rand.String(5)
	claim := holdHost(t, "www."+name+".example.com", name)
	prove(t, claim)
	eventually(t, func(ctx context.Context) error {
		seen := &v1alpha1.HostClaim{}
		if err := cached.Get(ctx, key(claim), seen); err != nil || seen.Status.VerifiedAt == nil {
			return errNotYet
		}
		return nil
	})
	org := orgNamed(name)
	org.Spec.HostVerification = v1alpha1.HostVerificationRequired
	create(t, org)
	expect(t, org, status.CurrentStatus, readyOrganization)
	get(t, claim)
	if claim.Status.VerifiedAt != nil || claim.Spec.HeldUntil == nil {
		t.Errorf("the claim is %+v with status %+v, want it to be held without a proof", claim.Spec, claim.Status)
	}
	told(t, "Organization", name, v1alpha1.ReasonProofForgotten, claim.Name)
}
