package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	berthv1alpha1 "github.com/berth-dev/berth/api/v1alpha1"
)

// waitForNone waits until an organization has no objects of an App or Domain any more.
func waitForNone(t *testing.T, organization, kinds string) {
	t.Helper()
	eventually(t, time.Minute, "nothing is left in "+organization, func() (bool, string) {
		left := kubectl(t, "", "get", kinds, "-n", organization, "-o", "name")
		return strings.TrimSpace(left) == "", left
	})
}

// freeHost deletes the claim of a host, as an administrator does, or time, once the host is not used any more.
func freeHost(t *testing.T, host string) {
	t.Helper()
	eventually(t, time.Minute, "the host "+host+" is released", func() (bool, string) {
		var claim berthv1alpha1.HostClaim
		err := berth.Client.Get(t.Context(), client.ObjectKey{Name: host}, &claim)
		return err == nil && claim.Spec.Holder == nil, fmt.Sprintf("%+v (error: %v)", claim.Spec, err)
	})
	kubectl(t, "", "delete", "hostclaim", host)
}

// serve deploys an App that shows a greeting, with a Domain, and returns its hosts once both show it.
func serve(t *testing.T, c *restClient, domain, host, slug, greeting string) []string {
	t.Helper()
	c.deploy(t, slug, greeting)
	applyDomain(t, c.organization, domain, host, slug, "")
	hosts := []string{slug + "." + berth.Env.BaseDomain, host}
	for _, h := range hosts {
		waitForPage(t, h, greeting)
	}
	return hosts
}

// A finalizer keeps neither the route of an App nor that of a Domain: who has the host next shows its own page, always.
func TestHostileFinalizers(t *testing.T) {
	t.Parallel()
	const rival, owner, slug, host = "a-finalizer-rival", "finalizer-owner", "kept-app", "www.finalizer.test"
	attacker := strangers(t, rival, "")
	hosts := serve(t, attacker, "a", host, slug, "Attacker")
	objects := []string{"app/" + slug, "domain/a"}
	defer func() {
		for _, object := range objects {
			kubectl(t, "", "patch", object, "-n", rival, "--type=merge", "-p", `{"metadata":{"finalizers":null}}`)
		}
	}()
	for _, object := range objects {
		keep := []string{"patch", object, "-n", rival, "--type=merge", "-p", `{"metadata":{"finalizers":["example.com/keep"]}}`}
		if out, err := tryKubectl(t, "", append(asManager(rival), keep...)...); err == nil || !strings.Contains(out, "metadata.finalizers") {
			t.Errorf("a manager sets a finalizer of %s (error: %v): %s", object, err, out)
		}
		kubectl(t, "", keep...) // Whoever else may, such as an administrator or an earlier version.
		kubectl(t, "", append(asManager(rival), "delete", object, "-n", rival, "--wait=false")...)
	}
	waitForNone(t, rival, "ingress,certificate")
	for _, h := range hosts {
		freeHost(t, h)
	}
	serve(t, strangers(t, owner, ""), "www", host, slug, "Victim")
	for _, h := range hosts {
		mustNeverShow(t, h, "Victim", func(n int) {
			kubectl(t, "", "annotate", "app/"+slug, "-n", rival, "--overwrite", fmt.Sprintf("touched=%d", n))
		})
	}
}

// Nobody keeps anything by orphaning it: neither a route nor a host that it is for, nor Pods.
func TestHostileOrphans(t *testing.T) {
	t.Parallel()
	const rival, owner, slug, host = "an-orphan-rival", "orphan-owner", "orphan-app", "www.orphan.test"
	attacker := strangers(t, rival, "")
	hosts := serve(t, attacker, "a", host, slug, "Attacker")
	for _, object := range []string{"domain/a", "app/" + slug} {
		orphan := []string{"delete", object, "-n", rival, "--cascade=orphan"}
		if out, err := tryKubectl(t, "", append(asManager(rival), orphan...)...); err == nil || !strings.Contains(out, "propagationPolicy Orphan is not allowed") {
			t.Errorf("a manager orphans what %s has (error: %v): %s", object, err, out)
		}
		kubectl(t, "", orphan...)
	}
	waitForNone(t, rival, "ingress,certificate,service,deployment,pods")
	for _, h := range hosts {
		freeHost(t, h)
	}
	serve(t, strangers(t, owner, ""), "www", host, slug, "Victim")
	attacker.call(t, http.MethodGet, slug+"/", nil, http.StatusNotFound, nil)
}

// An organization that a finalizer keeps from being deleted serves nothing any more.
func TestHostileOrganizationThatStays(t *testing.T) {
	t.Parallel()
	const org, slug = "staying-org", "staying-app"
	c := strangers(t, org, "")
	c.deploy(t, slug, "Here")
	waitForPage(t, slug+"."+berth.Env.BaseDomain, "Here")
	kubectl(t, "", "patch", "app/"+slug, "-n", org, "--type=merge", "-p", `{"metadata":{"finalizers":["example.com/keep"]}}`)
	kubectl(t, "", "delete", "organization", org, "--wait=false")
	waitForNone(t, org, "ingress,certificate,service,pods")
	kubectl(t, "", "get", "app/"+slug, "-n", org)
	kubectl(t, "", "patch", "app/"+slug, "-n", org, "--type=merge", "-p", `{"metadata":{"finalizers":null}}`)
	kubectl(t, "", "wait", "namespace/"+org, "--for=delete", "--timeout=120s")
}
