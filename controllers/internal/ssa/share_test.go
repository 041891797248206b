package ssa

import (
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// What is shared is never forced: a field that somebody else has set stays theirs.
func TestShare(t *testing.T) {
	t.Parallel()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-", Labels: map[string]string{"theirs": "1"}}}
	store(t, ns)
	share := func(labels map[string]string) error {
		want := corev1ac.Namespace(ns.Name).WithLabels(labels)
		err := Share(t.Context(), api, want, ns, corev1ac.ExtractNamespace)
		return errors.Join(err, api.Get(t.Context(), client.ObjectKeyFromObject(ns), ns))
	}
	if err := share(map[string]string{"ours": "1"}); err != nil {
		t.Fatal(err)
	}
	version := ns.ResourceVersion
	if err := share(map[string]string{"ours": "1"}); err != nil || ns.ResourceVersion != version {
		t.Errorf("Share of the same: got version %s and error %v, want %s and none", ns.ResourceVersion, err, version)
	}
	if err := share(map[string]string{"theirs": "2"}); !apierrors.IsConflict(err) {
		t.Errorf("Share of another's field: got error %v, want a conflict", err)
	}
	if err := share(nil); err != nil {
		t.Fatal(err)
	}
	if _, ours := ns.Labels["ours"]; ours || ns.Labels["theirs"] != "1" {
		t.Errorf("the labels are %v, want theirs alone", ns.Labels)
	}
}
