package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	berthv1alpha1 "github.com/berth-dev/berth/api/v1alpha1"
)

// deploy makes an App of the sample that says a greeting.
func (c *restClient) deploy(t *testing.T, slug, greeting string) {
	t.Helper()
	body := map[string]any{"slug": slug, "location": push(t, slug+":v1", "-version=v1"), "env": []env{{Name: "GREETING", Value: greeting}}}
	c.call(t, http.MethodPost, "", body, http.StatusCreated, nil)
}

// applyDomain makes a Domain with kubectl, or changes it to this. What more its spec shall have is a line of YAML, such as tls: {…}.
func applyDomain(t *testing.T, namespace, name, host, app, more string) {
	t.Helper()
	kubectl(t, fmt.Sprintf(`
apiVersion: berth.dev/v1alpha1
kind: Domain
metadata:
  name: %s
  namespace: %s
spec:
  host: %s
  appRef: {name: %s}
  %s
`, name, namespace, host, app, more), "apply", "-f", "-")
}

func getDomain(t *testing.T, namespace, name string) *berthv1alpha1.Domain {
	t.Helper()
	var d berthv1alpha1.Domain
	if err := berth.Client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, &d); err != nil {
		t.Fatal(err)
	}
	return &d
}

// waitForDomain waits until a Domain is Ready, and tools that know only kstatus agree.
func waitForDomain(t *testing.T, namespace, name string) *berthv1alpha1.Domain {
	t.Helper()
	var d *berthv1alpha1.Domain
	eventually(t, 2*time.Minute, "the Domain "+name+" is Ready", func() (bool, string) {
		d = getDomain(t, namespace, name)
		raw, err := runtime.DefaultUnstructuredConverter.ToUnstructured(d)
		if err != nil {
			t.Fatal(err)
		}
		u := &unstructured.Unstructured{Object: raw}
		u.SetGroupVersionKind(berthv1alpha1.GroupVersion.WithKind("Domain"))
		result, err := status.Compute(u)
		if err != nil {
			t.Fatal(err)
		}
		return result.Status == status.CurrentStatus && meta.IsStatusConditionTrue(d.Status.Conditions, berthv1alpha1.ConditionReady),
			result.Status.String() + ": " + result.Message
	})
	return d
}

// waitForWords waits until a condition of a Domain has a status and its reason, a colon and its message have words in them.
func waitForWords(t *testing.T, namespace, name, condition, status, words string) {
	t.Helper()
	eventually(t, time.Minute, condition+" is "+status+" and says "+words, func() (bool, string) {
		c := meta.FindStatusCondition(getDomain(t, namespace, name).Status.Conditions, condition)
		if c == nil {
			return false, "no condition"
		}
		saw := c.Reason + ": " + c.Message
		return string(c.Status) == status && strings.Contains(saw, words), string(c.Status) + " " + saw
	})
}

func TestDomainsOverRESTAndWithKubectl(t *testing.T) {
	t.Parallel()
	const org, slug, first, second, third = "domain-org", "domain-app", "www.domain.test", "shop.domain.test", "www2.domain.test"
	manager := organization(t, org)
	manager.deploy(t, slug, "Welcome")

	var got domain
	manager.callDomains(t, http.MethodPut, slug+"/", map[string]any{"domain": first}, http.StatusOK, &got)
	if got.Domain != first || got.Slug != slug || got.URL != "https://"+first || got.CertType != "default" {
		t.Errorf("the answer is %+v", got)
	}
	waitForPage(t, first, "Welcome from sample v1") // It verifies the certificate, and so the name.

	applyDomain(t, org, "by-manifest", second, slug, "")
	waitForDomain(t, org, "by-manifest")
	waitForPage(t, second, "Welcome from sample v1")
	mustVisit(t, first)

	var list struct {
		Results []domain `json:"results"`
	}
	manager.callDomains(t, http.MethodGet, "", nil, http.StatusOK, &list)
	for _, host := range []string{first, second} {
		if !slices.ContainsFunc(list.Results, func(d domain) bool { return d.Domain == host && d.Slug == slug }) {
			t.Errorf("the list lacks %s: %+v", host, list.Results)
		}
	}

	manager.callDomains(t, http.MethodPut, first+"/", map[string]any{"domain": third}, http.StatusOK, &got)
	waitForPage(t, third, "Welcome from sample v1")
	mustVisit(t, second)
	eventually(t, time.Minute, first+" serves no more", func() (bool, string) {
		_, err := page(t.Context(), first)
		return err != nil, "it does"
	})
}

// A host that its organization releases stays with that, and another one that has waited for it has to ask again.
func TestHostStaysWithItsOrganization(t *testing.T) {
	t.Parallel()
	const host = "www.contested.test"
	organization(t, "owner-org").deploy(t, "owner-app", "Owner")
	organization(t, "heir-org").deploy(t, "heir-app", "Heir")

	applyDomain(t, "owner-org", "contested", host, "owner-app", "")
	waitForDomain(t, "owner-org", "contested")
	waitForPage(t, host, "Owner")
	applyDomain(t, "heir-org", "contested", host, "heir-app", "")
	waitForWords(t, "heir-org", "contested", berthv1alpha1.ConditionReady, "False", berthv1alpha1.ReasonHostConflict)
	waitForPage(t, host, "Owner")

	kubectl(t, "", "delete", "domain", "contested", "-n", "owner-org")
	kubectl(t, "", "wait", "hostclaim/"+host, "--for=jsonpath={.spec.heldUntil}", "--timeout=60s")
	waitForWords(t, "heir-org", "contested", berthv1alpha1.ConditionReady, "False", berthv1alpha1.ReasonHostConflict)
	applyDomain(t, "owner-org", "again", host, "owner-app", "")
	waitForDomain(t, "owner-org", "again")
	waitForPage(t, host, "Owner")

	// An administrator frees a host by deleting its claim.
	kubectl(t, "", "delete", "domain", "again", "-n", "owner-org")
	kubectl(t, "", "wait", "hostclaim/"+host, "--for=jsonpath={.spec.heldUntil}", "--timeout=60s")
	kubectl(t, "", "delete", "hostclaim", host)
	waitForWords(t, "heir-org", "contested", berthv1alpha1.ConditionReady, "False", "is free now")
	kubectl(t, "", "delete", "domain", "contested", "-n", "heir-org")
	applyDomain(t, "heir-org", "contested", host, "heir-app", "")
	waitForDomain(t, "heir-org", "contested")
	waitForPage(t, host, "Heir")
}
