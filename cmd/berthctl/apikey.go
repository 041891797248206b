package main

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/apikey"
)

// apiKey is an API key as -o json prints it.
type apiKey struct {
	ID            string      `json:"id"`
	Key           string      `json:"key,omitempty"`
	Role          apikey.Role `json:"role"`
	Organizations []string    `json:"organizations"`
	Owner         string      `json:"owner"`
	Created       time.Time   `json:"created"`
}

// keyFlags are the flags of apikey create.
type keyFlags struct {
	organizations []string
	role          string
	owner         string
	host          bool
}

func newAPIKey(g *global) *cobra.Command {
	cmd := &cobra.Command{Use: "apikey", Aliases: []string{"apikeys", "key"}, Short: "API keys of the REST facade"}
	wanted := &keyFlags{}
	create := &cobra.Command{
		Use:   "create (--org NAME | --host)",
		Short: "Make an API key and print it; it can't be shown again",
		Long:  "Make an API key and print it on standard output, alone. It is not kept anywhere and can't be shown again.",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return g.createAPIKey(cmd, wanted) },
	}
	flags := create.Flags()
	flags.StringSliceVar(&wanted.organizations, "org", nil, "an organization that the key is for; may be given more than once")
	flags.StringVar(&wanted.role, "role", string(apikey.RoleManager), "manager (reads and writes) or contributor (reads)")
	flags.StringVar(&wanted.owner, "owner", "", "e-mail address of who holds the key")
	flags.BoolVar(&wanted.host, "host", false, "a key for the staff of the platform, which holds in every organization")
	create.MarkFlagsMutuallyExclusive("org", "host")
	create.MarkFlagsMutuallyExclusive("role", "host")
	create.MarkFlagsOneRequired("org", "host")
	list := &cobra.Command{
		Use:   "list",
		Short: "List the API keys, without the keys themselves",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return g.listAPIKeys(cmd) },
	}
	revoke := &cobra.Command{
		Use:   "revoke ID",
		Short: "Revoke an API key; it stops working at once",
		Args:  cobra.ExactArgs(1),
		RunE:  func(cmd *cobra.Command, args []string) error { return g.revokeAPIKey(cmd, args[0]) },
	}
	cmd.AddCommand(create, list, revoke)
	return cmd
}

func (g *global) createAPIKey(cmd *cobra.Command, wanted *keyFlags) error {
	if err := g.check(); err != nil {
		return err
	}
	key, token, err := wanted.key()
	if err != nil {
		return err
	}
	c, err := g.client()
	if err != nil {
		return err
	}
	if err := organizationsExist(cmd.Context(), c, key.Organizations); err != nil {
		return err
	}
	secret := key.Secret(g.namespace)
	if err := c.Create(cmd.Context(), secret); err != nil {
		return fmt.Errorf("create Secret %s/%s: %w", secret.Namespace, secret.Name, err)
	}
	if g.output == outputJSON {
		key.Created = secret.CreationTimestamp
		shown := present(key)
		shown.Key = token
		return g.print(cmd.OutOrStdout(), shown, nil, nil)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "API key %s made; this is the only time that it is shown:\n", key.ID)
	fmt.Fprintln(cmd.OutOrStdout(), token)
	return nil
}

func (f *keyFlags) key() (apikey.Key, string, error) {
	if f.owner != "" {
		if address, err := mail.ParseAddress(f.owner); err != nil || address.Address != f.owner {
			return apikey.Key{}, "", fmt.Errorf("--owner is an e-mail address, not %q", f.owner)
		}
	}
	if f.host {
		return apikey.New(apikey.Spec{Owner: f.owner, Role: apikey.RoleHost})
	}
	if f.role == string(apikey.RoleHost) {
		return apikey.Key{}, "", errors.New("a key of host staff is made by --host, without --org")
	}
	return apikey.New(apikey.Spec{Owner: f.owner, Role: apikey.Role(f.role), Organizations: f.organizations})
}

func organizationsExist(ctx context.Context, c client.Client, names []string) error {
	for _, name := range names {
		namespace := &corev1.Namespace{}
		if err := c.Get(ctx, client.ObjectKey{Name: name}, namespace); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("read Namespace %s: %w", name, err)
		}
		if _, labelled := namespace.Labels[v1alpha1.LabelOrganization]; !labelled {
			return fmt.Errorf("there is no organization %s", name)
		}
	}
	return nil
}

func (g *global) listAPIKeys(cmd *cobra.Command) error {
	c, err := g.client()
	if err != nil {
		return err
	}
	keys, err := g.apiKeys(cmd, c)
	if err != nil {
		return err
	}
	items, rows := make([]apiKey, 0, len(keys)), make([][]string, 0, len(keys))
	for _, key := range keys {
		item := present(key)
		items = append(items, item)
		organizations := "*"
		if len(item.Organizations) > 0 {
			organizations = strings.Join(item.Organizations, ",")
		}
		rows = append(rows, []string{item.ID, string(item.Role), organizations, item.Owner, item.Created.Format(time.RFC3339)})
	}
	return g.print(cmd.OutOrStdout(), items, []string{"ID", "ROLE", "ORGANIZATIONS", "OWNER", "CREATED"}, rows)
}

// apiKeys are all API keys. Secrets that only look like one are told of and left out.
func (g *global) apiKeys(cmd *cobra.Command, c client.Client) ([]apikey.Key, error) {
	secrets := &corev1.SecretList{}
	err := c.List(cmd.Context(), secrets, client.InNamespace(g.namespace), client.MatchingLabels{v1alpha1.LabelSecret: v1alpha1.SecretAPIKey})
	if err != nil {
		return nil, fmt.Errorf("list Secrets in %s: %w", g.namespace, err)
	}
	keys := make([]apikey.Key, 0, len(secrets.Items))
	for i := range secrets.Items {
		key, err := apikey.FromSecret(&secrets.Items[i])
		if err != nil {
			fmt.Fprintln(cmd.ErrOrStderr(), "berthctl: left out:", err)
			continue
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// keysOf are the API keys that hold in an organization by its name.
func (g *global) keysOf(cmd *cobra.Command, c client.Client, name string) ([]apikey.Key, error) {
	keys, err := g.apiKeys(cmd, c)
	return slices.DeleteFunc(keys, func(key apikey.Key) bool { return !slices.Contains(key.Organizations, name) }), err
}

func present(key apikey.Key) apiKey {
	organizations := key.Organizations
	if organizations == nil {
		organizations = []string{}
	}
	return apiKey{ID: key.ID, Role: key.Role, Organizations: organizations, Owner: key.Owner, Created: key.Created.UTC()}
}

func (g *global) revokeAPIKey(cmd *cobra.Command, id string) error {
	c, err := g.client()
	if err != nil {
		return err
	}
	err = g.revoke(cmd, c, id)
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("there is no API key %s", id)
	}
	return err
}

func (g *global) revoke(cmd *cobra.Command, c client.Client, id string) error {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: apikey.SecretName(id), Namespace: g.namespace}}
	if err := c.Delete(cmd.Context(), secret); err != nil {
		return fmt.Errorf("delete Secret %s/%s: %w", secret.Namespace, secret.Name, err)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "API key %s is revoked\n", id)
	return nil
}
