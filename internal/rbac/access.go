// Package rbac says who is who for Kubernetes RBAC, the one place where it is decided who may do what in Berth: as which users and groups
// those who call Berth act, and which roles those groups have in an organization.
//
// The rules of the roles are in config/rbac. Nobody can sign in to the API server as one of these users or groups unless an
// administrator gives them to somebody, by OpenID Connect for example.
package rbac

import (
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
)

// Prefix is what the name of every user and group of Berth's begins with.
const Prefix = "berth:"

// KeysNamespace is the Namespace of the API keys unless a flag says otherwise.
const KeysNamespace = "berth-keys"

// Role is what the members of a group may do in an organization.
type Role string

const (
	// RoleManager may read and change everything.
	RoleManager Role = "manager"
	// RoleContributor may read everything.
	RoleContributor Role = "contributor"
)

// GroupHost is the group of the platform's staff, who may do everything in every organization.
const GroupHost = Prefix + "host"

// The ClusterRoles that organizations' RoleBindings name. Each has the same name as its RoleBindings.
const (
	// ClusterRoleManager is that of an organization's managers, and of host staff.
	ClusterRoleManager = "berth-manager"
	// ClusterRoleContributor is that of an organization's contributors.
	ClusterRoleContributor = "berth-contributor"
)

// UserOfKey is the user that the holder of an API key acts as.
func UserOfKey(id string) string { return Prefix + "key:" + id }

// UserOfPerson is the user that somebody who has signed in acts as; the address is their verified e-mail address.
func UserOfPerson(address string) string { return Prefix + "person:" + address }

// Group is the group of those with a role in an organization.
func Group(organization string, role Role) string { return Prefix + organization + ":" + string(role) }

// Membership reads the name of a group that Group made. It tells nothing about whether there is such an organization.
func Membership(group string) (organization string, role Role, ok bool) {
	rest, ours := strings.CutPrefix(group, Prefix)
	organization, name, complete := strings.Cut(rest, ":")
	role = Role(name)
	known := slices.Contains([]Role{RoleManager, RoleContributor}, role)
	return organization, role, ours && complete && organization != "" && known
}

func groups(names ...string) []rbacv1.Subject {
	subjects := make([]rbacv1.Subject, 0, len(names))
	for _, name := range names {
		subjects = append(subjects, rbacv1.Subject{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: name})
	}
	return subjects
}
