package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/internal/apikey"
)

func newExclude(g *global) *cobra.Command {
	var organization string
	var undo bool
	cmd := &cobra.Command{
		Use:   "exclude ID --org NAME",
		Short: "Exclude an API key for several organizations from one of them",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return g.excludeAPIKey(cmd, args[0], organization, undo)
		},
	}
	cmd.Flags().StringVar(&organization, "org", "", "the organization")
	cmd.Flags().BoolVar(&undo, "undo", false, "let the key hold in the organization again")
	_ = cmd.MarkFlagRequired("org") // It is a flag.
	return cmd
}

func (g *global) excludeAPIKey(cmd *cobra.Command, id, organization string, undo bool) error {
	c, err := g.client()
	if err != nil {
		return err
	}
	key, err := g.apiKey(cmd.Context(), c, id)
	if err != nil {
		return err
	}
	if !slices.Contains(key.Organizations, organization) {
		return fmt.Errorf("API key %s does not name organization %s", id, organization)
	}
	exclusion := apikey.Exclusion(organization, id)
	if undo {
		if err := c.Delete(cmd.Context(), exclusion); client.IgnoreNotFound(err) != nil {
			return wrapped("delete", exclusion, err)
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "API key %s holds in organization %s\n", id, organization)
		return nil
	}
	if err := c.Create(cmd.Context(), exclusion.DeepCopy()); err != nil && !apierrors.IsAlreadyExists(err) {
		return wrapped("create", exclusion, err)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "API key %s is excluded from organization %s\n", id, organization)
	return nil
}

// apiKey reads an API key.
func (g *global) apiKey(ctx context.Context, c client.Client, id string) (apikey.Key, error) {
	secret := &corev1.Secret{}
	err := c.Get(ctx, client.ObjectKey{Namespace: g.keysNamespace, Name: apikey.SecretName(id)}, secret)
	if apierrors.IsNotFound(err) {
		return apikey.Key{}, fmt.Errorf("API key %s not found", id)
	}
	if err != nil {
		return apikey.Key{}, fmt.Errorf("read API key %s: %w", id, err)
	}
	return apikey.FromSecret(secret)
}

// withoutExclusions returns a key with the organizations alone in which it holds. The error is that there are none.
func withoutExclusions(ctx context.Context, c client.Client, key apikey.Key) (apikey.Key, error) {
	excluding := map[string]bool{}
	for _, organization := range key.Organizations {
		err := c.Get(ctx, client.ObjectKeyFromObject(apikey.Exclusion(organization, key.ID)), &corev1.Secret{})
		if client.IgnoreNotFound(err) != nil {
			return key, fmt.Errorf("read whether organization %s excludes API key %s: %w", organization, key.ID, err)
		}
		excluding[organization] = err == nil
	}
	left := key.Without(func(organization string) bool { return excluding[organization] })
	if len(key.Organizations) > 0 && len(left.Organizations) == 0 {
		return key, fmt.Errorf("all organizations of API key %s exclude it; revoke it", key.ID)
	}
	return left, nil
}
