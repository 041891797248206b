package controllers

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
)

// A copy that somebody changes or deletes is made anew.
func TestCustomCertificateWhoseCopyIsTouched(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain, source := newCustomDomain(t, ns)
	custom := awaitCopy(t, domain, source)
	patch(t, custom, func(client.Object) { custom.Data[corev1.TLSPrivateKeyKey] = []byte("nonsense") })
	awaitCopy(t, domain, source)
	remove(t, custom)
	awaitCopy(t, domain, source)
	expect(t, domain, status.CurrentStatus, ready)
}

// A Secret of somebody else's with the name of the copy is never taken over.
func TestCustomCertificateWhoseCopyIsNotOwned(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain := newDomain(t, ns, "www."+ns+".example.com", newApp(t, ns).Name)
	theirs := newCertificateSecret(t, ns, copyOf(domain).Name, pairFor{host: domain.Spec.Host})
	newCertificateSecret(t, ns, "bought", pairFor{host: domain.Spec.Host})
	wantCustom(t, domain, "bought")
	expect(t, domain, status.FailedStatus, map[string]condition{v1alpha1.ConditionCertificateReady: failing(v1alpha1.ReasonNotOwned)})
	after := theirs.DeepCopy()
	get(t, after)
	if err := holds(after, theirs); err != nil {
		t.Error(err)
	}
}

// The copy of a Domain that was deleted is not in the way of the one that replaces it.
func TestCustomCertificateOfADomainMadeAnew(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain, source := newCustomDomain(t, ns)
	copied := awaitCopy(t, domain, source)
	remove(t, domain)
	again := &v1alpha1.Domain{ObjectMeta: testobjects.Named(ns, domain.Name), Spec: domain.Spec}
	create(t, again)
	expect(t, again, status.CurrentStatus, ready)
	awaitCopy(t, again, source)
	get(t, copied) // The garbage collector, which the tests have not, would delete it.
}

func TestIdleDomainAsksForNothing(t *testing.T) {
	t.Parallel()
	for name, secret := range map[string]string{"Default": "", "Custom": "bought"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := organization(t)
			domain := newServedDomain(t, ns)
			newCertificateSecret(t, ns, "bought", pairFor{host: domain.Spec.Host})
			wantCustom(t, domain, secret)
			expect(t, domain, status.CurrentStatus, ready)
			before := quiesce(t, ns)
			reconcileDomain(t, domain, clock.RealClock{})
			if diff := cmp.Diff(before, sent.in(ns)); diff != "" {
				t.Errorf("an idle reconcile asked the API server for something (-before +after):\n%s", diff)
			}
		})
	}
}

// The private key is asked for once for each copy that is made.
func TestCustomCertificateIsReadOnce(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	_, secret := newCustomDomain(t, ns)
	var reads int
	for _, r := range quiesce(t, ns) {
		if r == "GET secrets/"+secret.Name {
			reads++
		}
	}
	if reads != 1 {
		t.Errorf("the controllers read the user's Secret %d times past the cache, want once: %q", reads, sent.in(ns))
	}
}

// No private key enters the cache, whatever key of a Secret it lies in, and none is in what the controllers write for people to read.
func TestPrivateKeysStaySecret(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain := newServedDomain(t, ns)
	source := newCertificateSecret(t, ns, "bought", pairFor{host: domain.Spec.Host})
	private := source.Data[corev1.TLSPrivateKeyKey]
	wantCustom(t, domain, source.Name)
	expect(t, domain, status.CurrentStatus, ready)
	_, stray := newPair(t, pairFor{host: domain.Spec.Host}) // The certificate's own key beside it would do no harm.
	patch(t, source, func(client.Object) {
		source.Annotations = map[string]string{"last-applied": string(private)}
		source.Data[corev1.TLSCertKey] = append(source.Data[corev1.TLSCertKey], stray...)
		source.Data["other"] = private
	})
	expect(t, domain, status.FailedStatus, certificateInvalid)
	secrets := map[string][]string{ // Which keys are kept, and how they begin.
		"bought":               {"-----BEGIN CERTIFICATE-----", "-----BEGIN PUBLIC HALF-----"},
		copyOf(domain).Name:    {"-----BEGIN CERTIFICATE-----", "-----BEGIN PUBLIC HALF-----"},
		tlsSecret(domain).Name: {"-----BEGIN CERTIFICATE-----", "-----BEGIN PUBLIC HALF-----"},
	}
	for name, want := range secrets {
		got := &corev1.Secret{}
		if err := cached.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: name}, got); err != nil {
			t.Fatal(err)
		}
		for i, k := range []string{corev1.TLSCertKey, corev1.TLSPrivateKeyKey} {
			if !bytes.HasPrefix(got.Data[k], []byte(want[i])) {
				t.Errorf("the cache's %s of Secret %s doesn't begin with %q", k, name, want[i])
			}
		}
		whole, err := got.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if got.Data["other"] != nil || bytes.Contains(whole, []byte("PRIVATE KEY")) || holdsAny(string(whole), private, stray) {
			t.Errorf("the cache holds a private key in Secret %s", name)
		}
	}
	var events eventsv1.EventList
	eventually(t, func(ctx context.Context) error {
		if err := api.List(ctx, &events, client.InNamespace(ns)); err != nil {
			return err
		}
		if !slices.ContainsFunc(events.Items, func(e eventsv1.Event) bool { return e.Reason == v1alpha1.ReasonCertificateInvalid }) {
			return errNotYet
		}
		return nil
	})
	if told := fmt.Sprint(domain.Status, events.Items, logged.String()); holdsAny(told, private, stray) {
		t.Error("a status, an event or the log has a private key")
	}
}
