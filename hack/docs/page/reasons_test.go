package page

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Reasons that only one of the kinds has; every other has to be on the pages of all.
var (
	onlyApp = []string{
		"ConfigMapNotFound", "RegistryMismatch", "CredentialsInvalid", "RoleRefused", "TokenRefused", "NoPlatformIdentity", "AWSUnavailable",
		"ImagePullFailed", "ImagePullDenied", "ImageNotFound", "ExecFormatError", "CrashLoopBackOff", "Evicted", "Unschedulable",
		"ReadinessProbeFailed", "DeadlineExceeded", "ScaledToZero", "RegistryNotAllowed", "RunsAsRoot", "ForeignFields", "InvalidPort",
	}
	onlyDomain = []string{
		"HostInvalid", "RecordNotFound", "RecordMismatch", "LookupFailed", "ServedBefore", "AppNotFound",
	}
	onlyOrganization = []string{
		"NamespaceReserved", "NamespaceCreated", "NamespaceAdopted", "OrganizationCreated", "AccessRemoved", "BoundRemoved", "ProofForgotten",
	}
	// onlyRoutes are those of Apps and Domains.
	onlyRoutes = []string{
		"NotInOrganization", "HostConflict", "HostReserved", "SecretNotFound", "CertificateInvalid", "IssuerNotAllowed", "Throttled", "Renamed", "Deleted", "Adopted",
		"RenewalOverdue", "ExpiresWithin30Days", "ExpiresWithin7Days", "ExpiresWithin1Day", "Expired",
	}
	ofOrganizations  = []string{"NamespaceReady", "Authorized", "Bounded"}
	ofAppsAndDomains = []string{"ReferencesResolved", "Available", "RouteReady", "CertificateReady", "Verified", "CertificateExpiring"}
)

// TestReasons looks for every condition and every reason on the page of each kind that can have it.
func TestReasons(t *testing.T) {
	kinds := map[string]struct{ others, conditions []string }{
		"app.md": {
			others:     slices.Concat(onlyDomain, onlyOrganization),
			conditions: append([]string{"Verified"}, ofOrganizations...),
		},
		"domain.md":       {others: slices.Concat(onlyApp, onlyOrganization), conditions: append([]string{"Available"}, ofOrganizations...)},
		"organization.md": {others: slices.Concat(onlyApp, onlyDomain, onlyRoutes), conditions: ofAppsAndDomains},
	}
	for page, kind := range kinds {
		content, err := os.ReadFile(filepath.Join(root, "docs", page))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range constants(t) {
			isReason, isCondition := strings.HasPrefix(name, "Reason"), strings.HasPrefix(name, "Condition")
			if isReason && slices.Contains(kind.others, value) || isCondition && slices.Contains(kind.conditions, value) {
				continue
			}
			if !strings.Contains(string(content), "`"+value+"`") {
				t.Errorf("docs/%s doesn't say what `%s` means", page, value)
			}
		}
	}
}

// constants reads the names of conditions and their reasons, which Go can't list by itself.
func constants(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, "api", "v1alpha1", "conditions.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok {
			return true
		}
		literal, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			t.Fatalf("%s is no literal", spec.Names[0].Name)
		}
		value, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		all[spec.Names[0].Name] = value
		return false
	})
	if len(all) < 40 {
		t.Errorf("found %d constants, want more", len(all))
	}
	return all
}
