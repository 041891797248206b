package signin

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/berth-dev/berth/internal/rbac"
)

// hostStaff is what stands for host staff in a mapping, in place of an organization and a role.
const hostStaff = "host"

// GroupMap are the groups of Berth's that a group of the identity provider stands for, by its name or id there.
type GroupMap map[string][]string

// Add reads a mapping, IDGROUP=ORG:ROLE or IDGROUP=host. The group may have an equals sign itself, as names of LDAP have.
func (m GroupMap) Add(mapping string) error {
	at := strings.LastIndex(mapping, "=")
	if at <= 0 {
		return fmt.Errorf("%q is not a mapping, such as IDGROUP=ORG:manager, IDGROUP=ORG:contributor or IDGROUP=host", mapping)
	}
	theirs, own := mapping[:at], rbac.Prefix+mapping[at+1:]
	if own != rbac.GroupHost {
		organization, _, ok := rbac.Membership(own)
		if !ok {
			return fmt.Errorf("%q is not ORG:manager, ORG:contributor or %s", mapping[at+1:], hostStaff)
		}
		if problems := validation.IsDNS1123Label(organization); len(problems) > 0 {
			return fmt.Errorf("%q is not a valid name of an organization: %s", organization, strings.Join(problems, "; "))
		}
	}
	if !slices.Contains(m[theirs], own) {
		m[theirs] = append(m[theirs], own)
	}
	return nil
}

// namesHost reports whether a group is mapped to host staff.
func (m GroupMap) namesHost() bool {
	for _, groups := range m {
		if slices.Contains(groups, rbac.GroupHost) {
			return true
		}
	}
	return false
}

// ours are those groups of Berth's that a person is in, by the groups that the identity provider says.
//
// A mapped group has the meaning of its mapping only. Of the others, those count that begin with berth: once they have the prefix, unless there is a map
// and no prefix: an administrator who maps groups does not trust every group at the provider with a name of this form. If a mapping for host staff
// exists, no other group grants it.
func (o Options) ours(groups []string) []string {
	var kept []string
	for _, group := range groups {
		mapped, found := o.Groups[group]
		kept = append(kept, mapped...)
		if found || len(o.Groups) > 0 && o.GroupsPrefix == "" {
			continue
		}
		if group = o.GroupsPrefix + group; strings.HasPrefix(group, rbac.Prefix) && (group != rbac.GroupHost || !o.Groups.namesHost()) {
			kept = append(kept, group)
		}
	}
	slices.Sort(kept)
	return slices.Compact(kept)
}
