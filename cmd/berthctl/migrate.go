package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// migrateFlags are the flags of apikey migrate.
type migrateFlags struct {
	helmRelease string
	remove      bool
}

func newMigrate(g *global) *cobra.Command {
	var f migrateFlags
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Copy the API keys of an earlier version into their own namespace",
		Long: "Copy the API keys of an earlier version, which are in --namespace, into --keys-namespace, where the facade reads them now. Run it before the " +
			"upgrade, and with --delete after it. It can be run any number of times: what is there already stays as it is, and a key that was revoked in one " +
			"namespace since it was copied is not copied again, or its copy is deleted.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return g.migrateKeys(cmd, f) },
	}
	cmd.Flags().StringVar(&f.helmRelease, "helm-release", "", "the Helm release of Berth, if there is one, which takes over the namespace when it is upgraded")
	cmd.Flags().BoolVar(&f.remove, "delete", false, "also delete the keys in --namespace; only once no facade of the earlier version runs any more")
	return cmd
}

func (g *global) migrateKeys(cmd *cobra.Command, f migrateFlags) error {
	if g.namespace == g.keysNamespace {
		return errors.New("--namespace and --keys-namespace are the same")
	}
	c, err := g.client()
	if err != nil {
		return err
	}
	ctx, out := cmd.Context(), cmd.ErrOrStderr()
	if err := g.makeKeysNamespace(ctx, c, f.helmRelease); err != nil {
		return err
	}
	former, err := secretsOfKeys(ctx, c, g.namespace)
	if err != nil {
		return err
	}
	revoked, err := g.findRevoked(ctx, c, former)
	if err != nil {
		return err
	}
	copied, there, err := g.copyKeys(ctx, c, former, revoked.former)
	if err != nil {
		return err
	}
	if err := g.deleteRevoked(ctx, c, out, revoked); err != nil {
		return err
	}
	if err := g.markMigrated(ctx, c); err != nil {
		return err
	}
	fmt.Fprintf(out, "Copied %d Secrets from namespace %s into %s; %d were there\n", copied, g.namespace, g.keysNamespace, there)
	if !f.remove {
		return nil
	}
	for _, name := range revoked.uncertain {
		if err := unlink(ctx, c, g.keysNamespace, name); err != nil {
			return err
		}
	}
	return g.deleteFormer(ctx, c, out, former)
}

// copyKeys copies Secrets except for those that are skipped, and returns how many it has copied and how many were there.
func (g *global) copyKeys(ctx context.Context, c client.Client, former []corev1.Secret, skipped map[string]bool) (copied, there int, err error) {
	for i := range former {
		if skipped[former[i].Name] {
			continue
		}
		isNew, err := g.copyKey(ctx, c, &former[i])
		if err != nil {
			return copied, there, err
		}
		if isNew {
			copied++
		} else {
			there++
		}
	}
	return copied, there, nil
}

// deleteFormer deletes the Secrets that were copied. Their copies are unlinked first, or they would be taken for those of revoked keys.
func (g *global) deleteFormer(ctx context.Context, c client.Client, out io.Writer, former []corev1.Secret) error {
	for i := range former {
		if err := unlink(ctx, c, g.keysNamespace, former[i].Name); err != nil {
			return err
		}
		if err := c.Delete(ctx, &former[i], client.Preconditions{UID: &former[i].UID}); client.IgnoreNotFound(err) != nil {
			return wrapped("delete", &former[i], err)
		}
	}
	fmt.Fprintf(out, "Deleted %d Secrets in namespace %s\n", len(former), g.namespace)
	return nil
}

// makeKeysNamespace creates the Namespace of the API keys as config/keys does. One that exists gets the labels and annotations that it lacks, since Helm
// takes over no other one; it is not taken from another release.
func (g *global) makeKeysNamespace(ctx context.Context, c client.Client, helmRelease string) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: g.keysNamespace, Labels: map[string]string{"app.kubernetes.io/part-of": "berth", "pod-security.kubernetes.io/enforce": "restricted"},
	}}
	if helmRelease != "" { // What Helm asks for before it takes an object over.
		namespace.Labels["app.kubernetes.io/managed-by"] = "Helm"
		namespace.Annotations = map[string]string{"meta.helm.sh/release-name": helmRelease, "meta.helm.sh/release-namespace": g.namespace}
	}
	if err := c.Create(ctx, namespace.DeepCopy()); err == nil || !apierrors.IsAlreadyExists(err) {
		return ofNamespace("create", namespace, err)
	}
	there := &corev1.Namespace{}
	if err := c.Get(ctx, client.ObjectKeyFromObject(namespace), there); err != nil {
		return ofNamespace("read", namespace, err)
	}
	if _, is := there.Labels[v1alpha1.LabelOrganization]; is {
		return fmt.Errorf("namespace %s is an organization; choose another one for the API keys by --keys-namespace", g.keysNamespace)
	}
	if helmRelease == "" {
		return nil
	}
	before := there.DeepCopy()
	there.Labels, there.Annotations = withMissing(there.Labels, namespace.Labels), withMissing(there.Annotations, namespace.Annotations)
	return ofNamespace("annotate", namespace, c.Patch(ctx, there, client.MergeFrom(before)))
}

// withMissing adds the entries of more to values that they lack.
func withMissing(values, more map[string]string) map[string]string {
	all := map[string]string{}
	maps.Copy(all, more)
	maps.Copy(all, values)
	return all
}

// secretsOfKeys returns the Secrets of the API keys and of the ended sessions in a Namespace.
func secretsOfKeys(ctx context.Context, c client.Client, namespace string) ([]corev1.Secret, error) {
	var all []corev1.Secret
	for _, kind := range []string{v1alpha1.SecretAPIKey, v1alpha1.SecretEndedSession} {
		secrets := &corev1.SecretList{}
		if err := c.List(ctx, secrets, client.InNamespace(namespace), client.MatchingLabels{v1alpha1.LabelSecret: kind}); err != nil {
			return nil, fmt.Errorf("list Secrets in %s: %w", namespace, err)
		}
		all = append(all, secrets.Items...)
	}
	return all, nil
}

// copyKey copies a Secret, and reports whether it was not there yet. One that is there gets the annotations that it lacks: a key may have been
// rotated since. Both are linked, so that a later run sees if either was deleted.
func (g *global) copyKey(ctx context.Context, c client.Client, former *corev1.Secret) (isNew bool, err error) {
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: g.keysNamespace, Name: former.Name, Labels: former.Labels, Annotations: unlinked(former.Annotations)},
		Immutable:  former.Immutable, Type: former.Type, Data: former.Data,
	}
	if isAPIKey(former) {
		metav1.SetMetaDataAnnotation(&secret.ObjectMeta, v1alpha1.AnnotationMigratedFrom, g.namespace)
	}
	err = c.Create(ctx, secret.DeepCopy())
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return false, wrapped("create", secret, err)
	}
	isNew = err == nil
	if !isNew {
		if err := g.completeCopy(ctx, c, secret); err != nil {
			return false, err
		}
	}
	return isNew, g.linkFormer(ctx, c, former)
}

// completeCopy adds the annotations of a Secret to its copy that this lacks.
func (g *global) completeCopy(ctx context.Context, c client.Client, secret *corev1.Secret) error {
	there := &corev1.Secret{}
	if err := c.Get(ctx, client.ObjectKeyFromObject(secret), there); err != nil {
		return wrapped("read", secret, err)
	}
	for key, value := range secret.Data {
		if !bytes.Equal(value, there.Data[key]) {
			const clash = "the Secret %s/%s is not the copy of the one in namespace %s; delete one of them"
			return fmt.Errorf(clash, secret.Namespace, secret.Name, g.namespace)
		}
	}
	before := there.DeepCopy()
	there.Annotations = withMissing(there.Annotations, secret.Annotations)
	return wrapped("annotate", secret, c.Patch(ctx, there, client.MergeFrom(before)))
}

func wrapped(verb string, secret *corev1.Secret, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s Secret %s/%s: %w", verb, secret.Namespace, secret.Name, err)
}

func ofNamespace(verb string, namespace *corev1.Namespace, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s Namespace %s: %w", verb, namespace.Name, err)
}

// markMigrated lets the facade take requests with the keys in the Namespace to which they were copied, and no longer with those from which they were:
// what is made meanwhile would be missing there.
func (g *global) markMigrated(ctx context.Context, c client.Client) error {
	now := time.Now().UTC().Format(time.RFC3339)
	if err := annotateNamespace(ctx, c, g.keysNamespace, &now); err != nil {
		return err
	}
	return client.IgnoreNotFound(annotateNamespace(ctx, c, g.namespace, nil))
}

// annotateNamespace sets when the API keys of a Namespace were copied there, or removes it.
func annotateNamespace(ctx context.Context, c client.Client, name string, at *string) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	return ofNamespace("annotate", namespace, annotate(ctx, c, namespace, map[string]*string{v1alpha1.AnnotationKeysMigrated: at}))
}

// annotate sets annotations of an object that was not read, and removes those that are nil.
func annotate(ctx context.Context, c client.Client, object client.Object, annotations map[string]*string) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": annotations}})
	if err != nil {
		return err
	}
	return c.Patch(ctx, object, client.RawPatch(types.MergePatchType, patch))
}
