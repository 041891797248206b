package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// organization is an organization as -o json prints it.
type organization struct {
	Name       string    `json:"name"`
	ExternalID string    `json:"externalID"`
	Created    time.Time `json:"created"`
}

func newOrganization(g *global) *cobra.Command {
	cmd := &cobra.Command{Use: "org", Aliases: []string{"organization", "orgs"}, Short: "Organizations: the labelled Namespaces that Apps live in"}
	var b bounds
	create := &cobra.Command{
		Use:   "create NAME",
		Short: "Make an organization: a Namespace of that name",
		Args:  cobra.ExactArgs(1),
		RunE:  func(cmd *cobra.Command, args []string) error { return g.createOrganization(cmd, args[0], b) },
	}
	b.addTo(create.Flags())
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

func (g *global) createOrganization(cmd *cobra.Command, name string, b bounds) error {
	c, err := g.client()
	if err != nil {
		return err
	}
	if err := b.check(cmd, c, g.namespace); err != nil {
		return err
	}
	if err := g.unclaimed(cmd, c, name); err != nil {
		return err
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: name, Labels: map[string]string{v1alpha1.LabelOrganization: name}, Annotations: b.annotations(),
	}}
	if err := c.Create(cmd.Context(), namespace); apierrors.IsAlreadyExists(err) {
		return existing(cmd, c, name)
	} else if err != nil {
		return fmt.Errorf("create Namespace %s: %w", name, err)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "organization %s made\n", name)
	return nil
}

// unclaimed refuses to make an organization that somebody has a key of already: keys name organizations, so those of one that is gone would
// hold in the new one of its name.
func (g *global) unclaimed(cmd *cobra.Command, c client.Client, name string) error {
	keys, err := g.keysOf(cmd, c, name)
	if err != nil || len(keys) == 0 {
		return err
	}
	if err := c.Get(cmd.Context(), client.ObjectKey{Name: name}, &corev1.Namespace{}); !apierrors.IsNotFound(err) {
		return err // It is there, which is told better by who tries to make it.
	}
	ids := make([]string, 0, len(keys))
	for _, key := range keys {
		ids = append(ids, key.ID)
	}
	return fmt.Errorf("these API keys are of an earlier organization %s; revoke them first: %s", name, strings.Join(ids, " "))
}

// existing explains why an organization can't be made where there is a Namespace. Berth takes no Namespace over by itself.
func existing(cmd *cobra.Command, c client.Client, name string) error {
	namespace := &corev1.Namespace{}
	if err := c.Get(cmd.Context(), client.ObjectKey{Name: name}, namespace); err != nil {
		return fmt.Errorf("read Namespace %s: %w", name, err)
	}
	if _, labelled := namespace.Labels[v1alpha1.LabelOrganization]; labelled {
		return fmt.Errorf("organization %s is there already", name)
	}
	return fmt.Errorf("the Namespace %[1]s is no organization; to make it one: kubectl label namespace %[1]s %[2]s=%[1]s", name, v1alpha1.LabelOrganization)
}

func (g *global) listOrganizations(cmd *cobra.Command) error {
	c, err := g.client()
	if err != nil {
		return err
	}
	namespaces := &corev1.NamespaceList{}
	if err := c.List(cmd.Context(), namespaces, client.HasLabels{v1alpha1.LabelOrganization}); err != nil {
		return fmt.Errorf("list Namespaces: %w", err)
	}
	items, rows := make([]organization, 0, len(namespaces.Items)), make([][]string, 0, len(namespaces.Items))
	for _, namespace := range namespaces.Items {
		item := describe(&namespace)
		items = append(items, item)
		rows = append(rows, []string{item.Name, item.ExternalID, item.Created.Format(time.RFC3339)})
	}
	return g.print(cmd.OutOrStdout(), items, []string{"NAME", "EXTERNAL ID", "CREATED"}, rows)
}

func (g *global) deleteOrganization(cmd *cobra.Command, name string, yes bool) error {
	c, err := g.client()
	if err != nil {
		return err
	}
	namespace, err := organizationNamed(cmd, c, name)
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
	// The UID keeps a Namespace safe that was made anew under this name since it was looked at.
	if err := c.Delete(cmd.Context(), namespace, client.Preconditions{UID: &namespace.UID}); err != nil {
		return fmt.Errorf("delete Namespace %s: %w", name, err)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "organization %s is being deleted\n", name)
	return nil
}

// organizationNamed reads the Namespace of an organization.
func organizationNamed(cmd *cobra.Command, c client.Client, name string) (*corev1.Namespace, error) {
	namespace := &corev1.Namespace{}
	if err := c.Get(cmd.Context(), client.ObjectKey{Name: name}, namespace); err != nil {
		return nil, fmt.Errorf("read Namespace %s: %w", name, err)
	}
	if _, labelled := namespace.Labels[v1alpha1.LabelOrganization]; !labelled {
		return nil, fmt.Errorf("Namespace %s is no organization", name) //nolint:staticcheck // A Kind begins with a capital letter.
	}
	return namespace, nil
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
	fmt.Fprintf(out, "This deletes the Namespace %s with every App, Domain, Secret and everything else in it, and its API keys, for good.\n", name)
}
