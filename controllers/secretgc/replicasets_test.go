package secretgc

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/controllers/internal/objects"
)

// Of the ReplicaSets that name a Secret, those count that run Pods, and the one that a rollback would run.
func TestReplicaSetsThatNeedSecrets(t *testing.T) {
	t.Parallel()
	set := func(name, revision string, spec, status int32) *appsv1.ReplicaSet {
		owner := metav1.OwnerReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web", UID: "1", Controller: new(true)}
		return &appsv1.ReplicaSet{
			ObjectMeta: metav1.ObjectMeta{
				Name: name, Annotations: map[string]string{objects.RevisionAnnotation: revision}, OwnerReferences: []metav1.OwnerReference{owner},
			},
			Spec: appsv1.ReplicaSetSpec{Replicas: &spec}, Status: appsv1.ReplicaSetStatus{Replicas: status},
		}
	}
	current, before := set("web-4", "4", 1, 1), set("web-3", "3", 0, 0)
	cases := map[string]struct {
		set  *appsv1.ReplicaSet
		want bool
	}{
		"Current":            {current, true},
		"CurrentWithoutPods": {set("web-4", "4", 0, 0), true},
		"Before":             {before, true},
		"Older":              {set("web-2", "2", 0, 0), false},
		"OlderThatRuns":      {set("web-2", "2", 1, 1), true},
		"OlderWhosePodsEnd":  {set("web-2", "2", 0, 1), true},
		"WithoutRevision":    {set("web-2", "", 0, 0), false},
		"AfterTen":           {set("web-10", "10", 0, 0), true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			siblings := []appsv1.ReplicaSet{*current, *before, *tc.set}
			if got := isNeeded(tc.set, siblings); got != tc.want {
				t.Errorf("isNeeded(...) = %t, want %t", got, tc.want)
			}
		})
	}
}
