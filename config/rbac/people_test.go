package rbac

import (
	"slices"
	"strings"
	"testing"
)

// The admission policy on Secrets applies to those who may not get them, and tokens of ServiceAccounts would be another way to what it keeps: none of
// the roles of people has such a right.
func TestRolesOfPeopleReadNoSecrets(t *testing.T) {
	t.Parallel()
	granted := read(t)
	for _, role := range []string{"berth-manager", "berth-contributor", "berth-host"} {
		for _, single := range granted["ClusterRole/"+role] {
			verb, resource, _ := strings.Cut(single, " ")
			reads := strings.HasPrefix(resource, "secrets") && !slices.Contains([]string{"create", "patch", "delete"}, verb)
			if reads || strings.HasPrefix(resource, "serviceaccounts") || strings.Contains(single, "*") {
				t.Errorf("%s grants %q", role, single)
			}
		}
	}
}
