package facade

import (
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// TestDomainOfAnEarlierApp says that a new app's Domain is its own, and not one that is about to go with an earlier app of the same slug. No
// garbage collector runs here, so that it stays for as long as nobody deletes it.
func TestDomainOfAnEarlierApp(t *testing.T) {
	org, key := organization(t)
	slug := "heir-" + strings.TrimPrefix(org, "org-")
	body := map[string]any{"slug": slug, "location": "example.com/a", "domain": slug + ".example.org"}
	call(t, key, http.MethodPost, appsPath(org), body).want(t, http.StatusCreated)
	if err := suite.cluster.Delete(t.Context(), appOf(t, org, slug)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server knows that the app is gone", func() bool {
		return call(t, key, http.MethodGet, appPath(org, slug), nil).status == http.StatusNotFound
	})
	call(t, key, http.MethodPost, appsPath(org), body).want(t, http.StatusCreated)
	app, domain := appOf(t, org, slug), domainOf(t, org, slug)
	if refs := domain.OwnerReferences; len(refs) != 1 || refs[0].UID != app.UID {
		t.Errorf("the Domain belongs to %+v, want the App with the UID %s", refs, app.UID)
	}
	// What an earlier app had by another name is as free as the rest.
	www := "www." + slug + ".example.org"
	call(t, key, http.MethodPost, domainsPath(org), map[string]any{"slug": slug, "domain": www}).want(t, http.StatusCreated)
	if err := suite.cluster.Delete(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server knows that the app is gone", func() bool {
		return call(t, key, http.MethodGet, appPath(org, slug), nil).status == http.StatusNotFound
	})
	call(t, key, http.MethodPost, appsPath(org), with(body, map[string]any{"domain": www})).want(t, http.StatusCreated)
	domains := &v1alpha1.DomainList{}
	if err := suite.cluster.List(t.Context(), domains, client.InNamespace(org)); err != nil || len(domains.Items) != 1 || domains.Items[0].Spec.Host != www {
		t.Errorf("the organization has the Domains %+v (error %v), want the one of %s alone", domains.Items, err, www)
	}
}

// TestChangeAfterAnEarlierApp says the same of a change of an app that somebody else has made: what a client was promised doesn't go with the app
// before.
func TestChangeAfterAnEarlierApp(t *testing.T) {
	for name, path := range map[string]func(org, slug string) string{"App": appPath, "Domain": domainPath} {
		t.Run(name, func(t *testing.T) {
			org, key := organization(t)
			slug := "heir-" + strings.TrimPrefix(org, "org-")
			body := map[string]any{"slug": slug, "location": "example.com/a", "domain": slug + ".example.org"}
			call(t, key, http.MethodPost, appsPath(org), body).want(t, http.StatusCreated)
			earlier := appOf(t, org, slug)
			if err := suite.cluster.Delete(t.Context(), earlier); err != nil {
				t.Fatal(err)
			}
			app := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: org, Name: slug}, Spec: v1alpha1.AppSpec{Image: "example.com/b"}}
			if err := suite.cluster.Create(t.Context(), app); err != nil {
				t.Fatal(err)
			}
			host := "www." + slug + ".example.org"
			call(t, key, http.MethodPut, path(org, slug), map[string]any{"domain": host}).want(t, http.StatusOK)
			domain := domainOf(t, org, slug)
			if refs := domain.OwnerReferences; domain.Spec.Host != host || len(refs) != 1 || refs[0].UID != app.UID {
				t.Errorf("the Domain %s belongs to %+v, want %s of the App with the UID %s", domain.Spec.Host, refs, host, app.UID)
			}
		})
	}
}

// TestCreateWithDomainThatIsThere says that the controllers, which notice a new app at once and write what they see of its Domain, don't keep the
// app from being made.
func TestCreateWithDomainThatIsThere(t *testing.T) {
	r := newReplicas(t)
	org, key, path := r.site(t, nil)
	slug := "there-" + strings.TrimPrefix(org, "org-")
	host := slug + ".example.org"
	addDomain(t, org, slug, host, slug)
	// One of an app that is there, made later, shows that the other has been seen.
	addDomain(t, org, "later", "later."+host, strings.TrimSuffix(strings.TrimPrefix(path, appsPath(org)), "/"))
	eventually(t, "the second server knows the Domain", func() bool {
		return call(t, key, http.MethodGet, domainPath(org, "later."+host), nil).status == http.StatusOK
	})
	r.after.Store(once(http.MethodPatch, "/apps/"+slug, func() {
		domain := domainOf(t, org, slug)
		domain.Status.Conditions = conditions(domain.Generation, v1alpha1.ConditionReconciling)
		if err := suite.cluster.Status().Update(t.Context(), domain); err != nil {
			t.Error(err)
		}
	}))
	call(t, key, http.MethodPost, appsPath(org), with(lagging(slug), map[string]any{"domain": host, "from_email": "a@b"})).want(t, http.StatusCreated)
	if got := domainOf(t, org, slug); got.Spec.Mail == nil || got.Spec.Mail.From != "a@b" {
		t.Errorf("the mail of the Domain is %+v", got.Spec.Mail)
	}
}
