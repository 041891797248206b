package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// organization is an organization as -o json prints it.
type organization struct {
	Name       string    `json:"name"`
	Ready      bool      `json:"ready"`
	Trusted    bool      `json:"trusted"`
	ExternalID string    `json:"externalID"`
	Created    time.Time `json:"created"`
}

func newOrganization(g *global) *cobra.Command {
	cmd := &cobra.Command{Use: "org", Aliases: []string{"organization", "orgs"}, Short: "Organizations: the tenants of the platform"}
	var f createFlags
	create := &cobra.Command{
		Use:   "create NAME",
		Short: "Create an organization, and wait until the operator has set up its Namespace",
		Args:  cobra.ExactArgs(1),
		RunE:  func(cmd *cobra.Command, args []string) error { return g.createOrganization(cmd, args[0], f) },
	}
	f.addTo(create.Flags())
	var principal string
	show := &cobra.Command{
		Use:   "show NAME",
		Short: "Show an organization: its external id with a trust policy for AWS, its bounds and how much of them is in use",
		Args:  cobra.ExactArgs(1),
		RunE:  func(cmd *cobra.Command, args []string) error { return g.showOrganization(cmd, args[0], principal) },
	}
	show.Flags().StringVar(&principal, "aws-principal", anyPrincipal, "whom the trust policy names: the ARN of the platform's own AWS role or user")
	list := &cobra.Command{
		Use:   "list",
		Short: "List the organizations",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return g.listOrganizations(cmd) },
	}
	var yes bool
	remove := &cobra.Command{
		Use:   "delete NAME",
		Short: "Delete an organization with everything in it and its API keys",
		Args:  cobra.ExactArgs(1),
		RunE:  func(cmd *cobra.Command, args []string) error { return g.deleteOrganization(cmd, args[0], yes) },
	}
	remove.Flags().BoolVar(&yes, "yes", false, "really delete; without it, berthctl only says what it would delete")
	cmd.AddCommand(create, list, show, remove)
	return cmd
}

// createFlags are the flags of `org create`.
type createFlags struct {
	bounds
	policy

	wait time.Duration
}

func (f *createFlags) addTo(flags *pflag.FlagSet) {
	f.bounds.addTo(flags)
	f.policy.addTo(flags)
	flags.DurationVar(&f.wait, "wait", time.Minute, "how long to wait until the operator has set up the organization; 0 does not wait")
}

func (g *global) createOrganization(cmd *cobra.Command, name string, f createFlags) error {
	c, err := g.client()
	if err != nil {
		return err
	}
	org := &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if err := f.policy.fill(&org.Spec); err != nil {
		return err
	}
	if err := f.bounds.fill(cmd, c, g.namespace, &org.Spec); err != nil {
		return err
	}
	if err := errors.Join(g.unclaimed(cmd, c, name), adoptable(cmd, c, name)); err != nil {
		return err
	}
	if err := c.Create(cmd.Context(), org); apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("organization %s already exists", name)
	} else if err != nil {
		return fmt.Errorf("create Organization %s: %w", name, err)
	}
	if f.wait > 0 {
		if err := g.awaitReady(cmd, c, org, f.wait); err != nil {
			return err
		}
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "organization %s created\n", name)
	return nil
}

// unclaimed refuses to make an organization that somebody has a key of already: keys name organizations, so those of one that is gone would
// hold in the new one of its name.
func (g *global) unclaimed(cmd *cobra.Command, c client.Client, name string) error {
	keys, err := g.keysOf(cmd, c, name)
	if err != nil || len(keys) == 0 {
		return err
	}
	if err := c.Get(cmd.Context(), client.ObjectKey{Name: name}, &v1alpha1.Organization{}); !apierrors.IsNotFound(err) {
		return err // It exists, which the attempt to create it reports better.
	}
	ids := make([]string, 0, len(keys))
	for _, key := range keys {
		ids = append(ids, key.ID)
	}
	return fmt.Errorf("these API keys are of an earlier organization %s; revoke them first: %s", name, strings.Join(ids, " "))
}

// adoptable refuses to create an organization for a Namespace that lacks the label. Berth never adopts a Namespace without consent.
func adoptable(cmd *cobra.Command, c client.Client, name string) error {
	namespace := &corev1.Namespace{}
	if err := c.Get(cmd.Context(), client.ObjectKey{Name: name}, namespace); err != nil {
		return client.IgnoreNotFound(err)
	}
	if _, labelled := namespace.Labels[v1alpha1.LabelOrganization]; labelled {
		return nil
	}
	return fmt.Errorf("Namespace %[1]s already exists; to let Berth adopt it, run: kubectl label namespace %[1]s %[2]s=%[1]s", //nolint:staticcheck // A Kind.
		name, v1alpha1.LabelOrganization)
}

func (g *global) listOrganizations(cmd *cobra.Command) error {
	c, err := g.client()
	if err != nil {
		return err
	}
	organizations := &v1alpha1.OrganizationList{}
	if err := c.List(cmd.Context(), organizations); err != nil {
		return fmt.Errorf("list Organizations: %w", err)
	}
	items, rows := make([]organization, 0, len(organizations.Items)), make([][]string, 0, len(organizations.Items))
	for _, org := range organizations.Items {
		item := describe(&org)
		items = append(items, item)
		rows = append(rows, []string{item.Name, yesNo(item.Ready), yesNo(item.Trusted), item.ExternalID, item.Created.Format(time.RFC3339)})
	}
	return g.print(cmd.OutOrStdout(), items, []string{"NAME", "READY", "TRUSTED", "EXTERNAL ID", "CREATED"}, rows)
}

func (g *global) deleteOrganization(cmd *cobra.Command, name string, yes bool) error {
	c, err := g.client()
	if err != nil {
		return err
	}
	org, err := organizationNamed(cmd, c, name)
	if err != nil {
		return err
	}
	if !yes {
		warn(cmd.ErrOrStderr(), name)
		return errors.New("nothing deleted: say --yes to go on")
	}
	if err := g.revokeKeysOf(cmd, c, name); err != nil {
		return err
	}
	// The UID keeps an Organization safe that was created again under this name since it was read.
	if err := c.Delete(cmd.Context(), org, client.Preconditions{UID: &org.UID}); err != nil {
		return fmt.Errorf("delete Organization %s: %w", name, err)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "organization %s is being deleted\n", name)
	return nil
}

// organizationNamed reads an Organization.
func organizationNamed(cmd *cobra.Command, c client.Client, name string) (*v1alpha1.Organization, error) {
	org := &v1alpha1.Organization{}
	err := c.Get(cmd.Context(), client.ObjectKey{Name: name}, org)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("organization %s does not exist", name)
	}
	if err != nil {
		return nil, fmt.Errorf("read Organization %s: %w", name, err)
	}
	return org, nil
}

// revokeKeysOf revokes the API keys that hold in an organization and nowhere else.
func (g *global) revokeKeysOf(cmd *cobra.Command, c client.Client, name string) error {
	keys, err := g.keysOf(cmd, c, name)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if len(key.Organizations) > 1 {
			fmt.Fprintf(cmd.ErrOrStderr(), "API key %s stays, since it holds in %s\n", key.ID, strings.Join(key.Organizations, ", "))
			continue
		}
		if err := g.revoke(cmd, c, key.ID); client.IgnoreNotFound(err) != nil {
			return err
		}
	}
	return nil
}

func warn(out io.Writer, name string) {
	fmt.Fprintf(out, "This deletes the organization %s, its Namespace with everything in it, and its API keys. This cannot be undone.\n", name)
}
