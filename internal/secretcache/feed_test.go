package secretcache

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// A Secret that was deleted and made again, which only a list tells, goes and comes.
func TestReplacedSecretGoesAndComes(t *testing.T) {
	t.Parallel()
	whole := func(o any) (any, error) { return o, nil }
	s := newSource(nil, "secrets", Kind{Object: &corev1.Secret{}, Transform: whole}, nil, nil)
	f := &feed{source: s, namespace: "shop", known: map[string]client.Object{}, deleted: map[string]types.UID{}}
	secret := func(uid types.UID, version string) any {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "env", UID: uid, ResourceVersion: version}}
	}
	for _, o := range []any{secret("first", "1"), secret("first", "2"), secret("second", "5")} {
		if err := f.Replace([]any{o}, "5"); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, event := range s.queue {
		o, ok := event.Object.(*corev1.Secret)
		if !ok {
			t.Fatalf("event of a %T", event.Object)
		}
		got = append(got, string(event.Type)+" "+string(o.UID))
	}
	if diff := cmp.Diff([]string{"ADDED first", "MODIFIED first", "DELETED first", "ADDED second"}, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if queued := s.positions["shop"].queued; queued != 4 {
		t.Errorf("%d events are counted, want 4", queued)
	}
}
