package main

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/apikey"
)

// apiKey is an API key as -o json prints it.
type apiKey struct {
	ID            string      `json:"id"`
	Key           string      `json:"key,omitempty"`
	Role          apikey.Role `json:"role"`
	Organizations []string    `json:"organizations"`
	Owner         string      `json:"owner"`
	// Account is that of the person who has made the key after signing in; left out of others, which belong to anyone with the address.
	Account     account   `json:"account,omitzero"`
	Description string    `json:"description"`
	Created     time.Time `json:"created"`
	// Expires is when the key stops working or has done so; left out for never.
	Expires time.Time `json:"expires,omitzero"`
	// LastUsed is to the hour; left out for never.
	LastUsed time.Time `json:"lastUsed,omitzero"`
	// OwnerSeen is when the owner of a key that was made on the profile page last signed in, to the day; left out if that is not known.
	OwnerSeen time.Time `json:"ownerSeen,omitzero"`
	Replaces  string    `json:"replaces,omitempty"`
}

// account is a person's at the identity provider.
type account struct {
	Issuer  string `json:"issuer"`
	Subject string `json:"subject"`
}

func present(key apikey.Key) apiKey {
	organizations := key.Organizations
	if organizations == nil {
		organizations = []string{}
	}
	return apiKey{
		ID: key.ID, Role: key.Role, Organizations: organizations, Owner: key.Owner, Description: key.Description,
		Account: account(key.Account), Created: key.Created.UTC(), Expires: key.End(), LastUsed: key.LastUsed, OwnerSeen: key.OwnerSeen,
		Replaces: key.Replaces,
	}
}

// listFlags are the flags of apikey list.
type listFlags struct{ organization, owner string }

func newList(g *global) *cobra.Command {
	wanted := &listFlags{}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the API keys, without the keys themselves",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return g.listAPIKeys(cmd, wanted) },
	}
	cmd.Flags().StringVar(&wanted.organization, "org", "", "only keys that hold in this organization by its name")
	cmd.Flags().StringVar(&wanted.owner, "owner", "", "only keys of this owner")
	return cmd
}

func (g *global) listAPIKeys(cmd *cobra.Command, wanted *listFlags) error {
	c, err := g.client()
	if err != nil {
		return err
	}
	keys, err := g.apiKeys(cmd, c)
	if err != nil {
		return err
	}
	items, rows := make([]apiKey, 0, len(keys)), make([][]string, 0, len(keys))
	for _, key := range slices.DeleteFunc(keys, wanted.leavesOut) {
		items = append(items, present(key))
		rows = append(rows, row(key, time.Now()))
	}
	header := []string{"ID", "ROLE", "ORGANIZATIONS", "OWNER", "CREATED", "EXPIRES", "LAST USED", "DESCRIPTION"}
	return g.print(cmd.OutOrStdout(), items, header, rows)
}

func (f *listFlags) leavesOut(key apikey.Key) bool {
	return f.organization != "" && !slices.Contains(key.Organizations, f.organization) || f.owner != "" && key.Owner != f.owner
}

// row is a key's row in the table.
func row(key apikey.Key, now time.Time) []string {
	organizations := "*"
	if len(key.Organizations) > 0 {
		organizations = strings.Join(key.Organizations, ",")
	}
	expires := orNever(key.End())
	if key.Expired(now) {
		expires += " (has)"
	}
	return []string{
		key.ID, string(key.Role), organizations, key.Owner, key.Created.UTC().Format(time.RFC3339), expires, orNever(key.LastUsed), key.Description,
	}
}

func orNever(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return at.Format(time.RFC3339)
}
