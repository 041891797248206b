package rbac

import rbacv1 "k8s.io/api/rbac/v1"

// The ServiceAccounts of operator and facade, which lie in Berth's own Namespace.
const (
	ServiceAccountOperator = "berth-operator"
	ServiceAccountFacade   = "berth-facade"
)

// The ClusterRoles that operator and facade have in organizations alone.
const (
	ClusterRoleOperator = "berth-operator-organization"
	ClusterRoleFacade   = "berth-facade-organization"
)

// Binding is a RoleBinding that every organization has.
type Binding struct {
	// Name of the RoleBinding.
	Name string
	// ClusterRole is what it grants.
	ClusterRole string
	// Subjects have it.
	Subjects []rbacv1.Subject
}

// Bindings are the RoleBindings of an organization, in the order in which they are to be made: the operator can write nothing else in it
// before it has its own. The ServiceAccounts are those in a Namespace, Berth's own.
func Bindings(organization, namespace string) []Binding {
	return []Binding{
		{Name: ServiceAccountOperator, ClusterRole: ClusterRoleOperator, Subjects: serviceAccount(namespace, ServiceAccountOperator)},
		{Name: ServiceAccountFacade, ClusterRole: ClusterRoleFacade, Subjects: serviceAccount(namespace, ServiceAccountFacade)},
		{Name: ClusterRoleManager, ClusterRole: ClusterRoleManager, Subjects: groups(Group(organization, RoleManager), GroupHost)},
		{Name: ClusterRoleContributor, ClusterRole: ClusterRoleContributor, Subjects: groups(Group(organization, RoleContributor))},
	}
}

func serviceAccount(namespace, name string) []rbacv1.Subject {
	return []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name}}
}
