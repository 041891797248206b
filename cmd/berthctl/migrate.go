package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
			"upgrade, and with --delete after it: what is there already stays as it is, so it can be run any number of times.",
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
	ctx := cmd.Context()
	if err := g.makeKeysNamespace(ctx, c, f.helmRelease); err != nil {
		return err
	}
	former, err := g.formerKeys(ctx, c)
	if err != nil {
		return err
	}
	copied := 0
	for i := range former {
		isNew, err := g.copyKey(ctx, c, &former[i])
		if err != nil {
			return err
		}
		if isNew {
			copied++
		}
	}
	if err := g.markMigrated(ctx, c); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "Copied %d Secrets from namespace %s into %s; %d were there\n", copied, g.namespace, g.keysNamespace, len(former)-copied)
	if !f.remove {
		return nil
	}
	for i := range former {
		if err := c.Delete(ctx, &former[i], client.Preconditions{UID: &former[i].UID}); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("delete Secret %s/%s: %w", g.namespace, former[i].Name, err)
		}
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "Deleted %d Secrets in namespace %s\n", len(former), g.namespace)
	return nil
}

// makeKeysNamespace creates the Namespace of the API keys as config/keys does, unless it is there.
func (g *global) makeKeysNamespace(ctx context.Context, c client.Client, helmRelease string) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: g.keysNamespace, Labels: map[string]string{"app.kubernetes.io/part-of": "berth", "pod-security.kubernetes.io/enforce": "restricted"},
	}}
	if helmRelease != "" { // What Helm asks for before it takes an object over.
		namespace.Labels["app.kubernetes.io/managed-by"] = "Helm"
		namespace.Annotations = map[string]string{"meta.helm.sh/release-name": helmRelease, "meta.helm.sh/release-namespace": g.namespace}
	}
	if err := c.Create(ctx, namespace); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create Namespace %s: %w", g.keysNamespace, err)
	}
	if err := c.Get(ctx, client.ObjectKeyFromObject(namespace), namespace); err != nil {
		return fmt.Errorf("read Namespace %s: %w", g.keysNamespace, err)
	}
	if _, is := namespace.Labels[v1alpha1.LabelOrganization]; is {
		return fmt.Errorf("namespace %s is an organization; choose another one for the API keys by --keys-namespace", g.keysNamespace)
	}
	return nil
}

// formerKeys are the Secrets of the API keys and of the ended sessions of an earlier version.
func (g *global) formerKeys(ctx context.Context, c client.Client) ([]corev1.Secret, error) {
	var all []corev1.Secret
	for _, kind := range []string{v1alpha1.SecretAPIKey, v1alpha1.SecretEndedSession} {
		secrets := &corev1.SecretList{}
		if err := c.List(ctx, secrets, client.InNamespace(g.namespace), client.MatchingLabels{v1alpha1.LabelSecret: kind}); err != nil {
			return nil, fmt.Errorf("list Secrets in %s: %w", g.namespace, err)
		}
		all = append(all, secrets.Items...)
	}
	return all, nil
}

// copyKey copies a Secret, and reports whether it was not there yet. One that is there gets the annotations that it lacks: a key may have been
// rotated since.
func (g *global) copyKey(ctx context.Context, c client.Client, former *corev1.Secret) (isNew bool, err error) {
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: g.keysNamespace, Name: former.Name, Labels: former.Labels, Annotations: former.Annotations},
		Immutable:  former.Immutable, Type: former.Type, Data: former.Data,
	}
	if err := c.Create(ctx, secret.DeepCopy()); err == nil || !apierrors.IsAlreadyExists(err) {
		return err == nil, wrapped("create", secret, err)
	}
	there := &corev1.Secret{}
	if err := c.Get(ctx, client.ObjectKeyFromObject(secret), there); err != nil {
		return false, wrapped("read", secret, err)
	}
	for key, value := range former.Data {
		if !bytes.Equal(value, there.Data[key]) {
			const clash = "the Secret %s/%s is not the copy of the one in namespace %s; delete one of them"
			return false, fmt.Errorf(clash, secret.Namespace, secret.Name, g.namespace)
		}
	}
	before := there.DeepCopy()
	for name, value := range former.Annotations {
		if _, has := there.Annotations[name]; !has {
			metav1.SetMetaDataAnnotation(&there.ObjectMeta, name, value)
		}
	}
	return false, wrapped("annotate", secret, c.Patch(ctx, there, client.MergeFrom(before)))
}

func wrapped(verb string, secret *corev1.Secret, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s Secret %s/%s: %w", verb, secret.Namespace, secret.Name, err)
}

// markMigrated lets the facade take requests.
func (g *global) markMigrated(ctx context.Context, c client.Client) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: g.keysNamespace}}
	before := namespace.DeepCopy()
	namespace.Annotations = map[string]string{v1alpha1.AnnotationKeysMigrated: time.Now().UTC().Format(time.RFC3339)}
	if err := c.Patch(ctx, namespace, client.MergeFrom(before)); err != nil {
		return fmt.Errorf("annotate Namespace %s: %w", g.keysNamespace, err)
	}
	return nil
}
