// Package rbac holds no code: it tests that each right that Berth's manifests grant has a reason.
package rbac

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"github.com/berth-dev/berth/internal/policycheck"
)

// right is what a role may do, and why.
type right struct {
	// verbs and resources are separated by spaces; a resource of a group is GROUP/RESOURCE, and NAME after a colon bounds it to objects of
	// that name.
	verbs, resources string
	// why nothing less would do.
	why string
}

// roles are all roles that config/rbac grants to anybody, by their kind and name.
var roles = map[string][]right{
	"ClusterRole/berth-operator":              operator,
	"ClusterRole/berth-operator-organization": operatorOrganization,
	"ClusterRole/berth-facade":                facade,
	"ClusterRole/berth-facade-organization":   facadeOrganization,
	"Role/berth-facade":                       facadeKeys,
	"ClusterRole/berth-manager":               manager,
	"ClusterRole/berth-contributor":           contributor,
	"ClusterRole/berth-host":                  host,
	"Role/berth-leader-election":              leaderElection,
}

// operator is what the operator may do in every Namespace, and outside of them.
var operator = []right{
	{"list watch", "berth.dev/apps berth.dev/domains", "they say what is wanted, and whose a host is, wherever they are"},
	{"patch", "berth.dev/apps/status berth.dev/domains/status", "it says there too that a Namespace is no organization"},
	{
		"list watch", "services cert-manager.io/certificates",
		"what it makes for Apps and Domains, and what of others is in the way; one watch for all organizations. The address of the API server's Service",
	},
	{"list watch", "networking.k8s.io/ingresses", "hosts that the platform routes by Ingresses elsewhere, which no tenant can have"},
	{"list watch", "cert-manager.io/certificaterequests acme.cert-manager.io/orders acme.cert-manager.io/challenges", "why a certificate is late"},
	{"get list watch", "berth.dev/hostclaims", "who has a host; the API server is asked where the cache is behind"},
	{"create update delete", "berth.dev/hostclaims", "to give hosts to Apps and Domains, and to hold and free what they release"},
	{"update", "berth.dev/hostclaims/status", "proofs of ownership, and when certificates were requested"},
	{"list watch", "berth.dev/organizations", "the tenants and their policies"},
	{"create", "berth.dev/organizations", "for Namespaces that were organizations before this was a kind"},
	{"patch", "berth.dev/organizations/status", "whether the Namespace, the rights and the bounds are in place"},
	{"update", "berth.dev/organizations/finalizers", "to make the deletion of an Organization in the foreground wait for that of its Namespace"},
	{"list watch", "namespaces", "those of organizations"},
	{"create", "namespaces", "the Namespace of an organization; an admission policy allows no other"},
	{"patch", "namespaces", "owner, ids and Pod Security of an organization; an admission policy allows nothing else"},
	{
		"list watch", "networking.k8s.io/networkpolicies limitranges resourcequotas rbac.authorization.k8s.io/rolebindings",
		"what it makes for organizations, and what of others is in the way",
	},
	{
		"create patch delete", rolebindings("berth-operator", "berth-facade", "berth-manager", "berth-contributor"),
		"the rights of an organization; an admission policy allows them in organizations alone",
	},
	{
		"bind", clusterroles("berth-operator-organization", "berth-facade-organization", "berth-manager", "berth-contributor"),
		"to grant more than it has itself, such as making API keys, but these roles alone",
	},
	{"list watch", "nodes", "their addresses, which the Pods of organizations don't reach, and whether they support user namespaces"},
	{"list watch", "discovery.k8s.io/endpointslices", "the addresses of the API server, which the Pods of organizations don't reach"},
	{"create patch", "events.k8s.io/events", "what somebody should know; those about a Namespace lie in the Namespace default"},
	{"get", policies(), "to report in its readiness whether they are bound"},
}

// operatorOrganization is what the operator may do in organizations alone.
var operatorOrganization = []right{
	{"list watch", "apps/deployments", "how far a rollout is, and what of others is in the way"},
	{"list watch", "pods apps/replicasets", "the status of an App says how its Pods are doing; old versions name Secrets"},
	{"create patch delete", "apps/deployments services", "what runs an App and leads to it; the operator deletes them once they are orphaned"},
	{"create patch delete", "networking.k8s.io/ingresses", "the routes of hosts, which are given up when somebody else has the host"},
	{"create patch delete", "cert-manager.io/certificates", "the certificates of hosts, given up with them, and made again to use one that was issued before"},
	{"get list watch", "secrets", "the environment and the certificates that Apps and Domains name; a private key is read to be copied"},
	{"create patch delete", "secrets", "copies of certificates, custom or kept to be used again; environments of REST clients are adopted, and deleted if unused"},
	{"get", "configmaps", "the port that an App names by a variable PORT of its environment"},
	{"update", "berth.dev/apps/finalizers berth.dev/domains/finalizers", "to make their deletion wait for that of what they own"},
	{"create patch", "networking.k8s.io/networkpolicies", "isolation"},
	{"create patch delete", "limitranges resourcequotas", "defaults and quota, which are removed when the spec asks for none"},
}

// facade is what the facade may do in every Namespace, and outside of them.
var facade = []right{
	{"list watch", "berth.dev/apps berth.dev/domains", "what REST clients read"},
	{"get", "berth.dev/apps berth.dev/domains", "whether its cache is up to date, before it says that nothing changes"},
	{"create get update", "berth.dev/hostclaims", "who has a host, before it is promised; an admission policy allows only claims of Apps and Domains"},
	{"delete", "berth.dev/hostclaims", "claims of what was refused; an admission policy allows only those that are not bound"},
	{"list watch", "berth.dev/organizations", "which organizations there are, their external ids, and whose hosts require a proof"},
	{"list watch", "namespaces", "whose Secrets are read, and whose Services have hosts of their names"},
	{"list watch", "nodes", "their addresses, at which it connects to no mail server that a tenant names"},
	{"create", "authorization.k8s.io/subjectaccessreviews", "to ask what a caller may do"},
	{"impersonate:user-info", "authentication.k8s.io/users authentication.k8s.io/groups", "to act as the caller, in nothing but what follows"},
	{"get", policies(), "to report in its readiness whether they are bound"},
}

// facadeOrganization is what the facade may do in organizations alone: whatever it writes and reads live there, it does as its caller.
var facadeOrganization = []right{
	{"get list watch", "secrets", "which values there are, and the values when they are shown or compared with a change"},
	{onBehalf("patch delete"), "berth.dev/apps berth.dev/domains", "what REST clients make, change and delete"},
	{onBehalf("create patch delete"), "secrets", "the values that REST clients give"},
	{onBehalf("get list watch"), "pods", "whose logs are read"},
	{onBehalf("get"), "pods/log", "logs"},
}

// facadeKeys is what the facade may do in the Namespace of the API keys, which holds nothing else but the ends of sessions.
var facadeKeys = []right{
	{"list watch", "secrets", "who calls is told by the hash of an API key"},
	{"create patch delete", "secrets", "keys that people make, and when they were used; an admission policy allows nothing else"},
}

// manager is what the managers of an organization may do in it, and host staff in all.
var manager = []right{
	{"get list watch create update patch delete", "berth.dev/apps berth.dev/domains", "to manage them"},
	{"get", "berth.dev/apps/env", "to see the values of an App's variables, which a manager sets"},
	{"create", "berth.dev/domains/test-email", "to see whether mail gets through"},
	{"list delete", "berth.dev/apikeys", "to see who is let in, and to let them in no more"},
	{"create", "berth.dev/apikeys:manager berth.dev/apikeys:contributor", "to let others in, but no host staff"},
	{"create patch delete", "secrets", "values that Apps and Domains name; an admission policy denies changes of other Secrets, which would show them"},
	{"get list watch", "pods", "to see how an App is doing"},
	{"get", "pods/log", "to see what an App says"},
}

// contributor is what the contributors of an organization may do in it.
var contributor = []right{
	{"get list watch", "berth.dev/apps berth.dev/domains", "to look on; the REST API shows names of variables, but not values"},
	{"create", "berth.dev/apikeys:contributor", "a key of their own that does no more than they"},
	{"get list watch", "pods", "to see how an App is doing"},
	{"get", "pods/log", "to see what an App says"},
}

// host is what host staff may do beside what managers of every organization may.
var host = []right{
	{"list", "berth.dev/domains", "to see those of all organizations"},
	{"create", "berth.dev/domains", "to make one in any organization"},
	{"get list watch create update patch delete", "berth.dev/organizations", "to let tenants in, and to bound them"},
	{"get list watch", "berth.dev/hostclaims", "to see which organization has which host"},
}

// leaderElection is what the operator may do in Berth's own Namespace.
var leaderElection = []right{
	{"create get update patch", "coordination.k8s.io/leases", "its replicas agree on which of them works"},
	{"create patch", "events events.k8s.io/events", "who leads"},
}

// onBehalf makes verbs those of what may be done while acting as somebody else.
func onBehalf(verbs string) string {
	const prefix = "impersonate-on:user-info:"
	return prefix + strings.Join(strings.Fields(verbs), " "+prefix)
}

func rolebindings(names ...string) string {
	return "rbac.authorization.k8s.io/rolebindings:" + strings.Join(names, " rbac.authorization.k8s.io/rolebindings:")
}

func clusterroles(names ...string) string {
	return "rbac.authorization.k8s.io/clusterroles:" + strings.Join(names, " rbac.authorization.k8s.io/clusterroles:")
}

// policies are the admission policies that Berth checks, and their bindings.
func policies() string {
	const group = "admissionregistration.k8s.io/"
	var all []string
	for _, name := range policycheck.Policies() {
		all = append(all, group+"validatingadmissionpolicies:"+name, group+"validatingadmissionpolicybindings:"+name)
	}
	return strings.Join(all, " ")
}

// Nobody has a right without a reason, and no reason is left without its right.
func TestEveryRightHasAReason(t *testing.T) {
	t.Parallel()
	granted := read(t)
	for name := range granted {
		if _, ok := roles[name]; !ok {
			t.Errorf("%s isn't in the table", name)
		}
	}
	for name, rights := range roles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reasons := map[string]string{}
			for _, r := range rights {
				for resource := range strings.FieldsSeq(r.resources) {
					for verb := range strings.FieldsSeq(r.verbs) {
						reasons[verb+" "+resource] = r.why
					}
				}
			}
			for _, single := range granted[name] {
				if reasons[single] == "" {
					t.Errorf("grants %q without a reason", single)
				}
			}
			for _, single := range slices.Sorted(maps.Keys(reasons)) {
				if !slices.Contains(granted[name], single) {
					t.Errorf("doesn't grant %q, which there is a reason for: %s", single, reasons[single])
				}
			}
		})
	}
}

// Roles are granted to those whom this names, and to nobody else.
func TestWhoHasWhichRole(t *testing.T) {
	t.Parallel()
	want := []string{
		"ClusterRole/berth-facade to ServiceAccount berth-facade",
		"ClusterRole/berth-host to Group berth:host",
		"ClusterRole/berth-operator to ServiceAccount berth-operator",
		"Role/berth-facade to ServiceAccount berth-facade",
		"Role/berth-leader-election to ServiceAccount berth-operator",
	}
	var got []string
	for _, o := range objects(t) {
		var binding rbacv1.ClusterRoleBinding // A RoleBinding has the same fields.
		if !strings.HasSuffix(o.kind, "RoleBinding") {
			continue
		}
		if err := yaml.Unmarshal(o.raw, &binding); err != nil {
			t.Fatal(err)
		}
		for _, s := range binding.Subjects {
			got = append(got, fmt.Sprintf("%s/%s to %s %s", binding.RoleRef.Kind, binding.RoleRef.Name, s.Kind, s.Name))
		}
	}
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

type object struct {
	kind string
	raw  []byte
}

// objects renders the manifests of this folder, and those of the Namespace of the API keys.
func objects(t *testing.T) []object {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return append(rendered(t, dir), rendered(t, filepath.Join(dir, "..", "keys"))...)
}

func rendered(t *testing.T, dir string) []object {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Clean(dir))
	if err != nil {
		t.Fatal(err)
	}
	var all []object
	for _, r := range built.Resources() {
		raw, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, object{kind: r.GetKind(), raw: raw})
	}
	return all
}

// read returns what each role grants, one verb on one resource at a time.
func read(t *testing.T) map[string][]string {
	t.Helper()
	granted := map[string][]string{}
	for _, o := range objects(t) {
		if o.kind != "ClusterRole" && o.kind != "Role" {
			continue
		}
		var role rbacv1.ClusterRole // A Role has the same fields.
		if err := yaml.UnmarshalStrict(o.raw, &role); err != nil {
			t.Fatal(err)
		}
		for _, rule := range role.Rules {
			granted[o.kind+"/"+role.Name] = append(granted[o.kind+"/"+role.Name], singles(rule)...)
		}
	}
	return granted
}
