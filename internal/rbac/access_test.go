package rbac

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
)

func TestMembership(t *testing.T) {
	type want struct {
		Organization string
		Role         Role
		OK           bool
	}
	cases := map[string]struct {
		reason string
		group  string
		want   want
	}{
		"Manager":      {group: Group("acme", RoleManager), want: want{Organization: "acme", Role: RoleManager, OK: true}},
		"Contributor":  {group: Group("acme", RoleContributor), want: want{Organization: "acme", Role: RoleContributor, OK: true}},
		"Host":         {reason: "Host staff are no members of anything.", group: GroupHost},
		"OtherRole":    {group: Prefix + "acme:owner"},
		"NoRole":       {group: Prefix + "acme:"},
		"Nothing":      {reason: "An organization has a name.", group: Prefix + ":manager"},
		"Foreign":      {reason: "Kubernetes' own groups are none of Berth's.", group: "system:masters"},
		"TwoRoles":     {group: Prefix + "acme:manager:manager"},
		"NearlyPrefix": {group: "berth-acme:manager"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			organization, role, ok := Membership(tc.group)
			if !tc.want.OK && !ok {
				return
			}
			if diff := cmp.Diff(tc.want, want{Organization: organization, Role: role, OK: ok}); diff != "" {
				t.Errorf("\n%s\nMembership(%q): -want, +got:\n%s", tc.reason, tc.group, diff)
			}
		})
	}
}

func TestBindings(t *testing.T) {
	group := func(name string) rbacv1.Subject {
		return rbacv1.Subject{Kind: "Group", APIGroup: "rbac.authorization.k8s.io", Name: name}
	}
	account := func(name string) []rbacv1.Subject {
		return []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: "berth-system", Name: name}}
	}
	want := []Binding{
		{Name: "berth-operator", ClusterRole: "berth-operator-organization", Subjects: account("berth-operator")},
		{Name: "berth-facade", ClusterRole: "berth-facade-organization", Subjects: account("berth-facade")},
		{
			Name: "berth-manager", ClusterRole: "berth-manager",
			Subjects: []rbacv1.Subject{group("berth:acme:manager"), group("berth:host")},
		},
		{Name: "berth-contributor", ClusterRole: "berth-contributor", Subjects: []rbacv1.Subject{group("berth:acme:contributor")}},
	}
	if diff := cmp.Diff(want, Bindings("acme", "berth-system")); diff != "" {
		t.Errorf("Bindings(acme): -want, +got:\n%s", diff)
	}
}
