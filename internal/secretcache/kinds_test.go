package secretcache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// podLabels select the Pods of what these tests make.
var podLabels = map[string]string{"app": "a"}

func podSpec() corev1.PodSpec {
	return corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "example.com/a", Env: []corev1.EnvVar{{Name: "PASSWORD", Value: "plain"}}}}}
}

// podOwners returns an object of each of podKinds, with an environment.
func podOwners(ns string) map[string]client.Object {
	about := metav1.ObjectMeta{Namespace: ns, Name: "a", Labels: podLabels}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: podLabels}, Spec: podSpec()}
	selector := &metav1.LabelSelector{MatchLabels: podLabels}
	return map[string]client.Object{
		"deployments": &appsv1.Deployment{ObjectMeta: about, Spec: appsv1.DeploymentSpec{Selector: selector, Template: template}},
		"replicasets": &appsv1.ReplicaSet{ObjectMeta: about, Spec: appsv1.ReplicaSetSpec{Selector: selector, Template: template}},
		"pods":        &corev1.Pod{ObjectMeta: about, Spec: podSpec()},
	}
}

// podLists returns an empty list of each of podKinds.
func podLists() map[string]client.ObjectList {
	return map[string]client.ObjectList{"deployments": &appsv1.DeploymentList{}, "replicasets": &appsv1.ReplicaSetList{}, "pods": &corev1.PodList{}}
}

func asNew(o client.Object) client.Object {
	fresh, _ := o.DeepCopyObject().(client.Object)
	return fresh
}

// asked returns which of the paths of lists and watches that end in a resource were asked for.
func (r *requests) asked(resource string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := slices.DeleteFunc(slices.Clone(r.paths), func(p string) bool { return !strings.HasSuffix(p, "/"+resource) })
	slices.Sort(all)
	return slices.Compact(all)
}

// Kinds with environments are read as Secrets are: in organizations alone, once a RoleBinding says so, and until the organization ends.
func TestFurtherKindsComeAndGo(t *testing.T) {
	ns, other := namespace(t), namespace(t)
	bind(t, other)
	for _, at := range []string{ns, other} {
		for _, o := range podOwners(at) {
			create(t, o)
		}
	}
	r := newReaderOf(t, Options{Others: podKinds()})
	r.awaitSync(t)
	mark(t, ns)
	defer unmark(t, ns)
	for resource, o := range podOwners(ns) {
		eventually(t, func(ctx context.Context) error {
			if err := r.Get(ctx, client.ObjectKeyFromObject(o), o); !apierrors.IsServiceUnavailable(err) {
				return fmt.Errorf("%s: got %w while they may not be listed, want a ServiceUnavailable", resource, err)
			}
			return nil
		})
	}
	bind(t, ns)
	for resource, o := range podOwners(ns) {
		eventually(t, func(ctx context.Context) error { return r.Get(ctx, client.ObjectKeyFromObject(o), o) })
		list := podLists()[resource]
		if err := r.List(t.Context(), list, client.InNamespace(ns)); err != nil || listed(list) != 1 {
			t.Errorf("%s: %d in a list, error %v", resource, listed(list), err)
		}
		if err := r.List(t.Context(), list, client.InNamespace(other)); err != nil || listed(list) != 0 {
			t.Errorf("%s of a Namespace that is no organization: %d in a list, error %v", resource, listed(list), err)
		}
	}
	awaitWorking(t, 4)
	unmark(t, ns)
	for resource, o := range podOwners(ns) {
		eventually(t, func(ctx context.Context) error {
			if err := r.Get(ctx, client.ObjectKeyFromObject(o), o); !apierrors.IsNotFound(err) {
				return fmt.Errorf("%s: got %w, want that it isn't found", resource, err)
			}
			return nil
		})
		for _, path := range r.requests.asked(resource) {
			if !strings.Contains(path, "/namespaces/"+ns+"/") {
				t.Errorf("%s are asked for by %s", resource, path)
			}
		}
	}
	awaitWorking(t, 0)
}

func listed(list client.ObjectList) int {
	switch list := list.(type) {
	case *appsv1.DeploymentList:
		return len(list.Items)
	case *appsv1.ReplicaSetList:
		return len(list.Items)
	case *corev1.PodList:
		return len(list.Items)
	default:
		return -1
	}
}

// A stop ends the reads of all kinds.
func TestStopOfFurtherKinds(t *testing.T) {
	ns := organization(t)
	r := newReaderOf(t, Options{Others: podKinds()})
	for _, o := range podOwners(ns) {
		if err := r.Get(t.Context(), client.ObjectKeyFromObject(o), o); client.IgnoreNotFound(err) != nil {
			r.awaitSync(t)
		}
	}
	awaitWorking(t, 4)
	r.stop()
	if got, err := working(); err != nil || got != 0 {
		t.Errorf("%d Namespaces are read after the end, error %v", got, err)
	}
}

// What is written of a further kind is read, though something newer has come from another organization before.
func TestReadsWhatWasWrittenOfFurtherKinds(t *testing.T) {
	apply := func(name string) func(context.Context, client.Client, client.Object) error {
		return func(ctx context.Context, c client.Client, o client.Object) error {
			container := corev1ac.Container().WithName("a").WithImage("example.com/a")
			template := corev1ac.PodTemplateSpec().WithLabels(podLabels).WithSpec(corev1ac.PodSpec().WithContainers(container))
			want := appsv1ac.Deployment(o.GetName()+name, o.GetNamespace()).WithAnnotations(annotated("Apply")).
				WithSpec(appsv1ac.DeploymentSpec().WithSelector(metav1ac.LabelSelector().WithMatchLabels(podLabels)).WithTemplate(template))
			return c.Apply(ctx, want, client.FieldOwner("test"), client.ForceOwnership)
		}
	}
	cases := map[string]struct {
		resource, name string
		write          func(context.Context, client.Client, client.Object) error
		gone           bool
	}{
		"ApplyDeployment":    {resource: "deployments", write: apply("")},
		"ApplyNewDeployment": {resource: "deployments", name: "-new", write: apply("-new")},
		"UpdateReplicaSet": {resource: "replicasets", write: func(ctx context.Context, c client.Client, o client.Object) error {
			o.SetAnnotations(annotated("Apply"))
			return c.Update(ctx, o)
		}},
		"PatchPod": {resource: "pods", write: func(ctx context.Context, c client.Client, o client.Object) error {
			before := asNew(o)
			o.SetAnnotations(annotated("Apply"))
			return c.Patch(ctx, o, client.MergeFrom(before))
		}},
		"DeleteDeployment": {
			resource: "deployments", gone: true, write: func(ctx context.Context, c client.Client, o client.Object) error { return c.Delete(ctx, o) },
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			ns, later := organization(t), organization(t)
			o := podOwners(ns)[tc.resource]
			create(t, o)
			r := newReaderOf(t, Options{Others: podKinds()})
			eventually(t, func(ctx context.Context) error { return r.Get(ctx, client.ObjectKeyFromObject(o), asNew(o)) })
			release := r.requests.holdAt("/namespaces/" + ns + "/" + tc.resource)
			defer release()
			if err := tc.write(t.Context(), r.client, o); err != nil {
				t.Fatal(err)
			}
			newer := podOwners(later)[tc.resource]
			create(t, newer)
			eventually(t, func(ctx context.Context) error { return r.Get(ctx, client.ObjectKeyFromObject(newer), asNew(newer)) })
			found, key := asNew(o), client.ObjectKey{Namespace: ns, Name: o.GetName() + tc.name}
			ctx, cancel := context.WithTimeout(t.Context(), held)
			defer cancel()
			if err := r.client.Get(ctx, key, found); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a read before the cache has what was written: got error %v, want it to wait", err)
			}
			release()
			err := r.client.Get(t.Context(), key, found)
			if tc.gone {
				if !apierrors.IsNotFound(err) {
					t.Errorf("got error %v, want that it isn't found", err)
				}
				return
			}
			if diff := cmp.Diff("Apply", found.GetAnnotations()[by]); err != nil || diff != "" {
				t.Errorf("error %v, annotation, -want, +got:\n%s", err, diff)
			}
		})
	}
}
