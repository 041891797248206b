package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/apikey"
)

// revokedKeys are API keys that were in both Namespaces and of which one Secret was deleted, by the names of the Secrets that are left.
type revokedKeys struct {
	// former are left in the Namespace from which keys are copied.
	former map[string]bool
	// copies are left in the Namespace to which keys are copied.
	copies []corev1.Secret
	// uncertain are copies that may be all that is left of live keys.
	uncertain []string
}

// isAPIKey reports whether a Secret is linked with its copy. An ended session is not: it denies something, so one too many does no harm.
func isAPIKey(secret *corev1.Secret) bool {
	return secret.Labels[v1alpha1.LabelSecret] == v1alpha1.SecretAPIKey
}

// isLinked reports whether a Secret was copied from another Namespace or into it. The annotations are on both, whichever way it was: after a rollback,
// keys are copied back.
func isLinked(secret *corev1.Secret, other string) bool {
	return secret.Annotations[v1alpha1.AnnotationMigratedFrom] == other || secret.Annotations[v1alpha1.AnnotationMigratedTo] == other
}

// unlinked returns annotations without those that link a Secret.
func unlinked(annotations map[string]string) map[string]string {
	kept := maps.Clone(annotations)
	delete(kept, v1alpha1.AnnotationMigratedFrom)
	delete(kept, v1alpha1.AnnotationMigratedTo)
	return kept
}

// findRevoked finds the keys that were revoked in one Namespace since they were copied. What is missing in a Namespace was not revoked there if the
// Namespace has been made again, if a run has not got that far, or if it was emptied once nothing read it any more.
func (g *global) findRevoked(ctx context.Context, c client.Client, former []corev1.Secret) (revokedKeys, error) {
	revoked := revokedKeys{former: map[string]bool{}}
	copies, err := secretsOfKeys(ctx, c, g.keysNamespace)
	if err != nil {
		return revoked, err
	}
	copiesCount, err := wasMigrated(ctx, c, g.keysNamespace)
	if err != nil {
		return revoked, err
	}
	formerCount, err := wasMigrated(ctx, c, g.namespace)
	if err != nil {
		return revoked, err
	}
	// One that was copied by an earlier run is left, so those that are missing were deleted one by one.
	formerCount = formerCount || slices.ContainsFunc(former, func(s corev1.Secret) bool { return s.Annotations[v1alpha1.AnnotationMigratedTo] == g.keysNamespace })
	inCopies, inFormer := namesOf(copies), namesOf(former)
	for i := range former {
		if copiesCount && isLinked(&former[i], g.keysNamespace) && !inCopies[former[i].Name] {
			revoked.former[former[i].Name] = true
		}
	}
	for i := range copies {
		switch name := copies[i].Name; {
		case !isLinked(&copies[i], g.namespace) || inFormer[name]:
		case formerCount:
			revoked.copies = append(revoked.copies, copies[i])
		default:
			revoked.uncertain = append(revoked.uncertain, name)
		}
	}
	return revoked, nil
}

// wasMigrated reports whether all keys have been copied into a Namespace, and none back since.
func wasMigrated(ctx context.Context, c client.Client, name string) (bool, error) {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if err := c.Get(ctx, client.ObjectKeyFromObject(namespace), namespace); err != nil {
		return false, client.IgnoreNotFound(ofNamespace("read", namespace, err))
	}
	return namespace.Annotations[v1alpha1.AnnotationKeysMigrated] != "", nil
}

func namesOf(secrets []corev1.Secret) map[string]bool {
	all := map[string]bool{}
	for i := range secrets {
		all[secrets[i].Name] = true
	}
	return all
}

// deleteRevoked deletes the copies of keys that were revoked, and says which keys were not copied. Each original is read again: another run may have
// copied it after the keys were listed.
func (g *global) deleteRevoked(ctx context.Context, c client.Client, out io.Writer, revoked revokedKeys) error {
	var deleted []string
	for i := range revoked.copies {
		secret := &revoked.copies[i]
		err := c.Get(ctx, client.ObjectKey{Namespace: g.namespace, Name: secret.Name}, &corev1.Secret{})
		if err == nil {
			continue
		}
		if !apierrors.IsNotFound(err) {
			return wrapped("read the original of", secret, err)
		}
		preconditions := client.Preconditions{UID: &secret.UID, ResourceVersion: &secret.ResourceVersion} // Another run may have unlinked it.
		if err := c.Delete(ctx, secret, preconditions); client.IgnoreNotFound(err) != nil {
			return wrapped("delete", secret, err)
		}
		deleted = append(deleted, secret.Name)
	}
	report := func(format string, names []string) {
		if len(names) > 0 {
			slices.Sort(names)
			fmt.Fprintf(out, format+": %s\n", g.namespace, g.keysNamespace, ids(names))
		}
	}
	report("API keys were revoked in namespace %s, so they were deleted in %s", deleted)
	report("API keys in namespace %s were not copied, since they were revoked in %s", slices.Collect(maps.Keys(revoked.former)))
	report("No API key is left in namespace %s, so these were kept in %s. If you revoked one of them, revoke it again", revoked.uncertain)
	return nil
}

// ids are the ids of the API keys that Secrets stand for.
func ids(names []string) string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = strings.TrimPrefix(name, apikey.SecretName(""))
	}
	return strings.Join(all, ", ")
}

// linkFormer marks a Secret as copied.
func (g *global) linkFormer(ctx context.Context, c client.Client, former *corev1.Secret) error {
	if !isAPIKey(former) || former.Annotations[v1alpha1.AnnotationMigratedTo] == g.keysNamespace {
		return nil
	}
	linked := former.DeepCopy()
	metav1.SetMetaDataAnnotation(&linked.ObjectMeta, v1alpha1.AnnotationMigratedTo, g.keysNamespace)
	err := c.Patch(ctx, linked, client.MergeFrom(former))
	return wrapped("annotate", former, client.IgnoreNotFound(err)) // One that was revoked meanwhile: the next run deletes its copy.
}

// unlink removes what links a Secret, if it is there, with the one of the same name in another Namespace.
func unlink(ctx context.Context, c client.Client, namespace, name string) error {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	err := annotate(ctx, c, secret, map[string]*string{v1alpha1.AnnotationMigratedFrom: nil, v1alpha1.AnnotationMigratedTo: nil})
	return wrapped("annotate", secret, client.IgnoreNotFound(err))
}
