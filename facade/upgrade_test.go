package facade

import (
	"net/http"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/apikey"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

// TestUpgradeBeforeTheOperator says that REST clients notice nothing while the facade is newer than the operator: organizations that are labelled
// Namespaces are served until the operator has created their Organizations, and nobody gets a host that another organization serves without a claim.
func TestUpgradeBeforeTheOperator(t *testing.T) {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "org-", Annotations: map[string]string{v1alpha1.AnnotationExternalID: "external-id-of-before"},
		Labels: map[string]string{v1alpha1.LabelOrganization: "any"},
	}}
	if err := suite.cluster.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	if err := testenv.GrantIn(t.Context(), suite.cluster, ns.Name); err != nil {
		t.Fatal(err)
	}
	key := member(t, apikey.RoleManager, ns.Name)
	slug := "old-" + ns.Name[len("org-"):]
	host := "www." + slug + ".example.org"
	call(t, key, http.MethodPost, appsPath(ns.Name), map[string]any{"slug": slug, "location": "example.com/a"}).want(t, http.StatusCreated)
	addDomain(t, ns.Name, "www", host, slug)
	for _, o := range []client.Object{
		&v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: slug}, Status: v1alpha1.AppStatus{URL: "https://" + slug + "." + baseDomain}},
		&v1alpha1.Domain{ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: "www"}, Status: v1alpha1.DomainStatus{URL: "https://" + host}},
	} {
		if err := suite.cluster.Status().Patch(t.Context(), o, client.Merge); err != nil {
			t.Fatal(err)
		}
	}
	if err := suite.cluster.DeleteAllOf(t.Context(), &v1alpha1.HostClaim{}, client.MatchingFields{"metadata.name": slug + "." + baseDomain}); err != nil {
		t.Fatal(err)
	}
	got := call(t, key, http.MethodGet, appPath(ns.Name, slug), nil).want(t, http.StatusOK).json(t)
	if got["external_id"] != "external-id-of-before" {
		t.Errorf("the external id is %v", got["external_id"])
	}

	org, rival := organization(t)
	eventually(t, "the server knows that the host is served", func() bool {
		return call(t, key, http.MethodGet, domainPath(ns.Name, host), nil).json(t)["url"] == "https://"+host
	})
	call(t, rival, http.MethodPost, appsPath(org), map[string]any{"slug": slug, "location": "example.com/a"}).want(t, http.StatusBadRequest)
	call(t, rival, http.MethodPost, appsPath(org), map[string]any{"slug": "x-" + slug, "location": "example.com/a", "domain": host}).
		want(t, http.StatusBadRequest)
	wantClaim(t, slug+"."+baseDomain, "", "", "")
	wantClaim(t, host, "", "", "")
}
