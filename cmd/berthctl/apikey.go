package main

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/apikey"
)

// keyFlags are the flags of apikey create.
type keyFlags struct {
	organizations []string
	role          string
	owner         string
	description   string
	expires       string
	host          bool
	limits        apikey.Limits
}

func newAPIKey(g *global) *cobra.Command {
	cmd := &cobra.Command{Use: "apikey", Aliases: []string{"apikeys", "key"}, Short: "API keys of the REST facade"}
	wanted := &keyFlags{}
	create := &cobra.Command{
		Use:   "create (--org NAME | --host)",
		Short: "Make an API key and print it; it can't be shown again",
		Long: "Make an API key and print it on standard output, alone. It is not kept anywhere and can't be shown again. " +
			"Refused if the owner or an organization has as many keys as the flags allow, which are the facade's defaults; raise them, or set 0, to go beyond.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return g.createAPIKey(cmd, wanted) },
	}
	flags := create.Flags()
	flags.StringSliceVar(&wanted.organizations, "org", nil, "an organization that the key is for; may be given more than once")
	flags.StringVar(&wanted.role, "role", string(apikey.RoleManager), "manager (reads and writes) or contributor (reads)")
	flags.StringVar(&wanted.owner, "owner", "", "e-mail address of who holds the key")
	flags.BoolVar(&wanted.host, "host", false, "a key for the staff of the platform, which holds in every organization")
	flags.StringVar(&wanted.description, "description", "", "what the key is for, on one line")
	flags.StringVar(&wanted.expires, "expires", "", "when the key stops working: in 720h or 90d, at 2027-01-31 or 2027-01-31T12:00:00Z; default: never")
	flags.IntVar(&wanted.limits.PerOwner, "max-keys-per-owner", apikey.DefaultMaxPerOwner, "how many keys that work the owner may have; 0 for any number")
	flags.IntVar(&wanted.limits.PerOrganization, "max-keys-per-organization", apikey.DefaultMaxPerOrganization,
		"how many keys that work an organization may have; 0 for any number")
	create.MarkFlagsMutuallyExclusive("org", "host")
	create.MarkFlagsMutuallyExclusive("role", "host")
	create.MarkFlagsOneRequired("org", "host")
	revoke := &cobra.Command{
		Use:   "revoke ID",
		Short: "Revoke an API key; it stops working at once",
		Args:  cobra.ExactArgs(1),
		RunE:  func(cmd *cobra.Command, args []string) error { return g.revokeAPIKey(cmd, args[0]) },
	}
	cmd.AddCommand(create, newList(g), newRotate(g), newMigrate(g), newExclude(g), revoke)
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
	if err := g.checkLimits(cmd, c, key, wanted.limits); err != nil {
		return err
	}
	secret := key.Secret(g.keysNamespace)
	if err := c.Create(cmd.Context(), secret); err != nil {
		return fmt.Errorf("create Secret %s/%s: %w", secret.Namespace, secret.Name, err)
	}
	key.Created = secret.CreationTimestamp
	return g.show(cmd, c, key, token)
}

// checkLimits refuses a key that exceeds the limits, and says which flag lifts them.
func (g *global) checkLimits(cmd *cobra.Command, c client.Client, key apikey.Key, limits apikey.Limits) error {
	keys, err := g.apiKeys(cmd, c)
	if err != nil {
		return err
	}
	err = limits.Check(key, keys, time.Now())
	exceeded, ok := errors.AsType[*apikey.LimitError](err)
	if !ok {
		return err
	}
	flag := "--max-keys-per-owner"
	if exceeded.Organization != "" {
		flag = "--max-keys-per-organization"
	}
	return fmt.Errorf("%w; revoke one that is not needed, or raise %s", err, flag)
}

// show prints a key that was just made. The key alone is on standard output, for scripts.
func (g *global) show(cmd *cobra.Command, c client.Client, key apikey.Key, token string) error {
	g.warnOfLife(cmd, c, key)
	if g.output == outputJSON {
		shown := present(key)
		shown.Key = token
		return g.print(cmd.OutOrStdout(), shown, nil, nil)
	}
	ends := "It never expires; make it with --expires=90d for one that does."
	if end := key.End(); !end.IsZero() {
		ends = "It expires at " + end.Format(time.RFC3339) + "."
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "API key %s made. %s This is the only time that it is shown:\n", key.ID, ends)
	fmt.Fprintln(cmd.OutOrStdout(), token)
	return nil
}

func (f *keyFlags) key() (apikey.Key, string, error) {
	if f.owner != "" {
		if address, err := mail.ParseAddress(f.owner); err != nil || address.Address != f.owner {
			return apikey.Key{}, "", fmt.Errorf("--owner is an e-mail address, not %q", f.owner)
		}
	}
	if f.limits.PerOwner < 0 || f.limits.PerOrganization < 0 {
		return apikey.Key{}, "", errors.New("--max-keys-per-owner and --max-keys-per-organization must not be negative")
	}
	expires, err := parseExpiry(f.expires, time.Now())
	if err != nil {
		return apikey.Key{}, "", err
	}
	spec := apikey.Spec{Owner: f.owner, Description: f.description, Role: apikey.Role(f.role), Organizations: f.organizations, Expires: expires}
	if f.host {
		spec.Role = apikey.RoleHost
	} else if spec.Role == apikey.RoleHost {
		return apikey.Key{}, "", errors.New("a key of host staff is made by --host, without --org")
	}
	return apikey.New(spec)
}

func organizationsExist(ctx context.Context, c client.Client, names []string) error {
	for _, name := range names {
		err := c.Get(ctx, client.ObjectKey{Name: name}, &v1alpha1.Organization{})
		if apierrors.IsNotFound(err) {
			return fmt.Errorf("organization %s does not exist", name)
		}
		if err != nil {
			return fmt.Errorf("read Organization %s: %w", name, err)
		}
	}
	return nil
}

// apiKeys are all API keys. Secrets that only look like one are told of and left out.
func (g *global) apiKeys(cmd *cobra.Command, c client.Client) ([]apikey.Key, error) {
	secrets := &corev1.SecretList{}
	err := c.List(cmd.Context(), secrets, client.InNamespace(g.keysNamespace), client.MatchingLabels{v1alpha1.LabelSecret: v1alpha1.SecretAPIKey})
	if err != nil {
		return nil, fmt.Errorf("list Secrets in %s: %w", g.keysNamespace, err)
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

func (g *global) revokeAPIKey(cmd *cobra.Command, id string) error {
	c, err := g.client()
	if err != nil {
		return err
	}
	err = g.revoke(cmd, c, id)
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("API key %s not found", id)
	}
	return err
}

func (g *global) revoke(cmd *cobra.Command, c client.Client, id string) error {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: apikey.SecretName(id), Namespace: g.keysNamespace}}
	if err := c.Delete(cmd.Context(), secret); err != nil {
		return fmt.Errorf("delete Secret %s/%s: %w", secret.Namespace, secret.Name, err)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "API key %s is revoked\n", id)
	return nil
}
