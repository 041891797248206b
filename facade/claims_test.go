package facade

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/apikey"
)

// TestClaims goes through what claims a host, for whom.
func TestClaims(t *testing.T) {
	org, key := organization(t)
	slug := "claims-" + strings.TrimPrefix(org, "org-")
	host, standard := slug+".example.org", slug+"."+baseDomain
	body := map[string]any{"slug": slug, "location": "example.com/a", "domain": host}
	call(t, key, http.MethodPost, appsPath(org), body).want(t, http.StatusCreated)
	wantClaim(t, standard, org, v1alpha1.HostHolderApp, slug)
	wantClaim(t, host, org, v1alpha1.HostHolderDomain, slug)
	call(t, key, http.MethodPost, domainsPath(org), map[string]any{"domain": "more." + host}).want(t, http.StatusCreated)
	wantClaim(t, "more."+host, org, v1alpha1.HostHolderDomain, "more."+host)
	call(t, key, http.MethodPut, domainPath(org, "more."+host), map[string]any{"domain": "other." + host}).want(t, http.StatusOK)
	wantClaim(t, "other."+host, org, v1alpha1.HostHolderDomain, "more."+host)
	// The default host stays the App's, also if a Domain has it.
	call(t, key, http.MethodPut, domainPath(org, "other."+host), map[string]any{"domain": standard}).want(t, http.StatusOK)
	wantClaim(t, standard, org, v1alpha1.HostHolderApp, slug)
	// What is asked for again is the own.
	call(t, key, http.MethodPut, domainPath(org, slug), map[string]any{"domain": "www." + host}).want(t, http.StatusOK)
	call(t, key, http.MethodPut, domainPath(org, slug), map[string]any{"domain": host}).want(t, http.StatusOK)
	call(t, key, http.MethodDelete, appPath(org, slug), nil).want(t, http.StatusNoContent)
	call(t, key, http.MethodPost, appsPath(org), body).want(t, http.StatusCreated)
}

// TestNoClaim says that nothing claims a host for what is refused: a claim for an organization in which a caller has no rights would take the
// host from the others.
func TestNoClaim(t *testing.T) {
	org, key, slug := newSite(t, "noclaim")
	fresh := "fresh-" + slug
	host := fresh + ".example.org"
	addDomain(t, org, fresh, "else."+host, slug)
	eventually(t, "the server knows the Domain", func() bool {
		return call(t, key, http.MethodGet, domainPath(org, "else."+host), nil).status == http.StatusOK
	})
	app := map[string]any{"slug": fresh, "location": "example.com/a", "domain": host}
	domain := map[string]any{"slug": slug, "domain": host}
	contributor := member(t, apikey.RoleContributor, org)
	_, stranger := organization(t)
	for name, tc := range map[string]struct {
		token, method, path string
		body                map[string]any
		want                int
	}{
		"NoKey":             {"", http.MethodPost, appsPath(org), app, http.StatusUnauthorized},
		"Contributor":       {contributor, http.MethodPost, appsPath(org), app, http.StatusForbidden},
		"ContributorPut":    {contributor, http.MethodPut, appPath(org, slug), map[string]any{"domain": host}, http.StatusForbidden},
		"ContributorDomain": {contributor, http.MethodPost, domainsPath(org), domain, http.StatusForbidden},
		"ContributorMoves":  {contributor, http.MethodPut, domainPath(org, slug), map[string]any{"domain": host}, http.StatusForbidden},
		"Stranger":          {stranger, http.MethodPost, appsPath(org), app, http.StatusNotFound},
		"StrangerDomain":    {stranger, http.MethodPost, domainsPath(org), domain, http.StatusNotFound},
		"ManagerAnywhere":   {key, http.MethodPost, "/api/domains/", domain, http.StatusForbidden},
		"NoOrganization":    {suite.host, http.MethodPost, appsPath("no-such-organization"), app, http.StatusNotFound},
		"NotAnOrganization": {suite.host, http.MethodPost, appsPath("default"), app, http.StatusNotFound},
		"NoApp":             {key, http.MethodPut, appPath(org, "nobody"), map[string]any{"domain": host}, http.StatusNotFound},
		"InvalidBody":       {key, http.MethodPost, appsPath(org), with(app, map[string]any{"location": "!"}), http.StatusBadRequest},
		"InvalidChange":     {key, http.MethodPut, domainPath(org, slug), map[string]any{"domain": host, "authentication": 7}, http.StatusBadRequest},
		"NameInTheWay":      {key, http.MethodPost, appsPath(org), app, http.StatusConflict},
	} {
		t.Run(name, func(t *testing.T) {
			call(t, tc.token, tc.method, tc.path, tc.body).want(t, tc.want)
			wantClaim(t, host, "", "", "")
			wantClaim(t, fresh+"."+baseDomain, "", "", "")
		})
	}
}

// TestCamping says that an App of another organization that waits for a host doesn't keep it from its owner, nor gets it.
func TestCamping(t *testing.T) {
	org, key, slug := newSite(t, "camped")
	rival, rivalKey := organization(t)
	standard := slug + "." + baseDomain
	camper := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: rival, Name: slug}, Spec: v1alpha1.AppSpec{Image: "example.com/b"}}
	if err := suite.cluster.Create(t.Context(), camper); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server knows the other App", func() bool {
		return call(t, rivalKey, http.MethodGet, appPath(rival, slug), nil).status == http.StatusOK
	})
	body := map[string]any{"slug": slug, "location": "example.com/a"}
	changeClaim(t, standard, binds)
	call(t, key, http.MethodDelete, appPath(org, slug), nil).want(t, http.StatusNoContent)
	call(t, key, http.MethodPost, appsPath(org), body).want(t, http.StatusCreated)
	call(t, key, http.MethodDelete, appPath(org, slug), nil).want(t, http.StatusNoContent)
	changeClaim(t, standard, holds)
	call(t, rivalKey, http.MethodPut, appPath(rival, slug), map[string]any{"domain": standard}).want(t, http.StatusOK)
	call(t, rivalKey, http.MethodDelete, appPath(rival, slug), nil).want(t, http.StatusNoContent)
	call(t, rivalKey, http.MethodPost, appsPath(rival), body).wantField(t, "slug", slugIsTaken)
	call(t, key, http.MethodPost, appsPath(org), body).want(t, http.StatusCreated)
}

// TestReleasedHosts says whose a host is that its holder has let go.
func TestReleasedHosts(t *testing.T) {
	org, key, slug := newSite(t, "holder")
	other, otherKey, otherSlug := newSite(t, "waiter")
	sibling, third := "sibling-"+slug, "third-"+slug
	for _, slug := range []string{sibling, third} {
		call(t, key, http.MethodPost, appsPath(org), map[string]any{"slug": slug, "location": "example.com/a"}).want(t, http.StatusCreated)
	}
	byOther := func(host string) answer {
		return call(t, otherKey, http.MethodPut, domainPath(other, otherSlug), map[string]any{"domain": host})
	}
	bySibling := func(host string) answer {
		return call(t, key, http.MethodPut, domainPath(org, sibling), map[string]any{"domain": host})
	}
	move := func(t *testing.T, from, to string) {
		t.Helper()
		call(t, key, http.MethodPut, domainPath(org, from), map[string]any{"domain": to}).want(t, http.StatusOK)
	}
	for name, release := range map[string]func(t *testing.T, host string){
		"Held": func(t *testing.T, host string) {
			t.Helper()
			move(t, host, "moved."+host)
			changeClaim(t, host, holds)
		},
		"Moved": func(t *testing.T, host string) {
			t.Helper()
			move(t, host, "moved."+host)
		},
		"Gone": func(t *testing.T, _ string) {
			t.Helper()
			if err := suite.cluster.Delete(t.Context(), domainOf(t, org, slug)); err != nil {
				t.Fatal(err)
			}
		},
		"Leaving": func(t *testing.T, _ string) {
			t.Helper()
			domain := domainOf(t, org, slug)
			domain.Finalizers = []string{"example.com/wait"}
			if err := suite.cluster.Update(t.Context(), domain); err != nil {
				t.Fatal(err)
			}
			if err := suite.cluster.Delete(t.Context(), domain); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				none := client.RawPatch(types.MergePatchType, []byte(`{"metadata": {"finalizers": null}}`))
				if err := suite.cluster.Patch(context.WithoutCancel(t.Context()), domain, none); err != nil {
					t.Error(err)
				}
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			host := strings.ToLower(name) + "." + slug + ".example.org"
			eventually(t, "the host is claimed", func() bool {
				return call(t, key, http.MethodPut, appPath(org, slug), map[string]any{"domain": host}).status == http.StatusOK
			})
			bySibling(host).wantField(t, "domain", domainIsTaken)
			changeClaim(t, host, binds)
			bySibling(host).wantField(t, "domain", domainIsTaken)
			release(t, host)
			byOther(host).wantField(t, "domain", domainIsTaken)
			heldUntil := claimOf(t, host).Spec.HeldUntil // A refused write must not prolong it.
			bySibling(host).want(t, http.StatusOK)
			claim := claimOf(t, host)
			want := v1alpha1.HostClaimSpec{
				Organization: org, Holder: &v1alpha1.HostHolder{Kind: v1alpha1.HostHolderDomain, Name: sibling}, ClaimedAt: claim.Spec.ClaimedAt,
				HeldUntil: heldUntil,
			}
			if diff := cmp.Diff(want, claim.Spec); diff != "" || claim.Spec.ClaimedAt == nil {
				t.Errorf("the claim: -want, +got:\n%s", diff)
			}
			call(t, key, http.MethodPut, domainPath(org, third), map[string]any{"domain": host}).wantField(t, "domain", domainIsTaken)
		})
	}
}

// TestUnboundClaim says that a claim whose Domain isn't there yet is that of a write on its way, but not forever.
func TestUnboundClaim(t *testing.T) {
	org, key, slug := newSite(t, "unbound")
	host := slug + ".example.org"
	holder := &v1alpha1.HostHolder{Kind: v1alpha1.HostHolderDomain, Name: "coming"}
	newClaim(t, host, v1alpha1.HostClaimSpec{Organization: org, Holder: holder}, false)
	ask := func() answer {
		return call(t, key, http.MethodPut, domainPath(org, slug), map[string]any{"domain": host})
	}
	ask().wantField(t, "domain", domainIsTaken)
	changeClaim(t, host, binds)
	ask().want(t, http.StatusOK)
}

// TestVerifiedHosts says that where hosts require a proof, none but the platform's are claimed by REST, and only a proof takes one.
func TestVerifiedHosts(t *testing.T) {
	org, key, slug := newSite(t, "verify")
	required := client.RawPatch(types.MergePatchType, []byte(`{"spec": {"hostVerification": "Required"}}`))
	if err := suite.cluster.Patch(t.Context(), &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Name: org}}, required); err != nil {
		t.Fatal(err)
	}
	host := slug + ".example.org"
	eventually(t, "the server knows the Organization", func() bool {
		probe := "probe." + host
		call(t, key, http.MethodPut, domainPath(org, slug), map[string]any{"domain": probe}).want(t, http.StatusOK)
		call(t, key, http.MethodPut, domainPath(org, slug), map[string]any{"domain": slug + "." + baseDomain}).want(t, http.StatusOK)
		claim := claimOf(t, probe)
		return claim == nil || suite.cluster.Delete(t.Context(), claim) != nil
	})
	other := "other-" + org
	ofOther := func(kind v1alpha1.HostHolderKind) v1alpha1.HostClaimSpec {
		return v1alpha1.HostClaimSpec{Organization: other, Holder: &v1alpha1.HostHolder{Kind: kind, Name: "www"}, BoundAt: new(metav1.Now())}
	}
	newClaim(t, "unverified."+host, ofOther(v1alpha1.HostHolderDomain), false)
	newClaim(t, "verified."+host, ofOther(v1alpha1.HostHolderDomain), true)
	newClaim(t, "ingress."+host, v1alpha1.HostClaimSpec{
		Holder: &v1alpha1.HostHolder{Kind: v1alpha1.HostHolderIngress, Namespace: "default", Name: "web"},
	}, false)
	newClaim(t, "default-"+slug+"."+baseDomain, ofOther(v1alpha1.HostHolderApp), false)
	ask := func(name string) answer {
		return call(t, key, http.MethodPut, domainPath(org, slug), map[string]any{"domain": name + "." + host})
	}
	ask("free").want(t, http.StatusOK)
	wantClaim(t, "free."+host, "", "", "")
	sibling := map[string]any{"slug": "sibling-" + slug, "location": "example.com/a", "domain": "free." + host}
	call(t, key, http.MethodPost, appsPath(org), sibling).wantField(t, "domain", domainIsTaken)
	ask("unverified").want(t, http.StatusOK)
	ask("verified").wantField(t, "domain", domainIsTaken)
	ask("ingress").wantField(t, "domain", domainIsTaken)
	body := map[string]any{"slug": "default-" + slug, "location": "example.com/a"}
	call(t, key, http.MethodPost, appsPath(org), body).wantField(t, "slug", slugIsTaken)
	call(t, key, http.MethodPost, appsPath(org), with(body, map[string]any{"slug": "more-" + slug})).want(t, http.StatusCreated)
	wantClaim(t, "more-"+slug+"."+baseDomain, org, v1alpha1.HostHolderApp, "more-"+slug)
}

// TestOlderApp says that an app of an installation that had no claims is changed as before.
func TestOlderApp(t *testing.T) {
	org, key := organization(t)
	slug := "older-" + strings.TrimPrefix(org, "org-")
	host := slug + ".example.org"
	app := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: org, Name: slug}, Spec: v1alpha1.AppSpec{Image: "example.com/a"}}
	if err := suite.cluster.Create(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	addDomain(t, org, slug, host, slug)
	eventually(t, "the server knows the Domain", func() bool {
		return call(t, key, http.MethodGet, domainPath(org, host), nil).status == http.StatusOK
	})
	call(t, key, http.MethodPut, appPath(org, slug), map[string]any{"env": []any{variable("A", "1")}, "domain": host}).want(t, http.StatusOK)
	call(t, key, http.MethodPut, domainPath(org, slug), map[string]any{"authentication": 1, "domain": host}).want(t, http.StatusOK)
	wantClaim(t, host, "", "", "")
	wantClaim(t, slug+"."+baseDomain, "", "", "")
}
