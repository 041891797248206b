package facade

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/policy"
)

// TestSenders says as which sender an organization that is not trusted sends at the platform's mail server, and that a client can still set any.
func TestSenders(t *testing.T) {
	own, platform := func(address string) received { return received{from: address} }, func(replyTo string) received {
		return received{from: fromEmail, replyTo: "<" + replyTo + ">"}
	}
	cases := map[string]struct {
		// from is the address that the client sets, in which HOST and DEFAULT are the host of the Domain and the default host.
		from string
		// proven says that there is a proof; held that the host is not the Domain's any more, and rival that it is another organization's.
		proven, held, rival, trusted bool
		want                         func(address string) received
	}{
		"Platform":      {from: "shop@example.com", want: own},
		"Foreign":       {from: "security@bank.example", proven: true, want: platform},
		"DefaultHost":   {from: "shop@DEFAULT", want: own},
		"AnothersHost":  {from: "shop@x-DEFAULT", want: platform},
		"Proven":        {from: "shop@HOST", proven: true, want: own},
		"BelowProven":   {from: "shop@news.HOST", proven: true, want: own},
		"ProvenByRival": {from: "shop@HOST", proven: true, rival: true, want: platform},
		"Held":          {from: "shop@HOST", proven: true, held: true, want: platform},
		"OnlyClaimed":   {from: "shop@HOST", want: platform},
		"Trusted":       {from: "security@bank.example", trusted: true, want: own},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			org, key, slug := newSite(t, "senders")
			setTrusted(t, org, tc.trusted)
			host, defaultHost := "www."+slug+".example.org", slug+"."+baseDomain
			from := strings.NewReplacer("HOST", host, "DEFAULT", defaultHost).Replace(tc.from)
			settings := map[string]any{"domain": host, "from_email": from}
			shown := call(t, key, http.MethodPut, domainPath(org, slug), settings).want(t, http.StatusOK).json(t)
			if shown["from_email"] != from {
				t.Errorf("PUT answers with the address %v, want %s", shown["from_email"], from)
			}
			prove(t, org, slug, host, tc.proven, func(spec *v1alpha1.HostClaimSpec) {
				if tc.held {
					holds(spec)
				}
				if tc.rival {
					spec.Organization = "rival"
				}
			})
			want := tc.want(from)
			detail := "A test e-mail for " + host + " was sent to ann@example.com."
			if want.replyTo != "" {
				detail += " It came from " + fromEmail + ", and replies go to " + from + ":"
			}
			want.to, want.user, want.password, want.subject = "ann@example.com", mailUser, mailPassword, "Test e-mail for "+host
			eventually(t, "the facade knows the Domain as the operator left it", func() bool { return knows(t, org, slug, tc.trusted, tc.proven) })
			got := call(t, key, http.MethodPost, domainPath(org, slug)+"test-email/", nil).want(t, http.StatusCreated).json(t)
			if said, _ := got["detail"].(string); !strings.HasPrefix(said, detail) || (said == detail) != (want.replyTo == "") {
				t.Errorf("the answer is %q, want %q", said, detail)
			}
			if diff := cmp.Diff([]received{want}, suite.mail.messagesFor(host), cmp.AllowUnexported(received{})); diff != "" {
				t.Errorf("messages: -want, +got:\n%s", diff)
			}
		})
	}
}

// setTrusted changes whether an organization is trusted.
func setTrusted(t *testing.T, organization string, trusted bool) {
	t.Helper()
	org := &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Name: organization}}
	if err := suite.cluster.Get(t.Context(), client.ObjectKeyFromObject(org), org); err != nil {
		t.Fatal(err)
	}
	org.Spec.Trusted = new(trusted)
	if err := suite.cluster.Update(t.Context(), org); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the facade knows the Organization", func() bool { return knows(t, organization, "", trusted, false) })
}

// knows reports whether the facade's cache has an Organization, and if slug is not empty a Domain, as they were left.
func knows(t *testing.T, organization, slug string, trusted, proven bool) bool {
	t.Helper()
	org := suite.server.store.Policy(t.Context(), organization)
	if policy.Trusted(org) != trusted || slug == "" {
		return policy.Trusted(org) == trusted
	}
	observed, err := suite.server.store.GetDomain(t.Context(), organization, slug)
	return err == nil && observed.Domain != nil && (observed.Domain.Status.VerifiedHost != "") == proven
}

// prove plays the operator: it binds the host of a Domain, verifies it if it is proven, and then changes the claim.
func prove(t *testing.T, organization, name, host string, proven bool, change func(*v1alpha1.HostClaimSpec)) {
	t.Helper()
	claim := claimOf(t, host)
	if claim == nil {
		spec := v1alpha1.HostClaimSpec{Organization: organization, Holder: &v1alpha1.HostHolder{Kind: v1alpha1.HostHolderDomain, Name: name}}
		newClaim(t, host, spec, false)
		claim = claimOf(t, host)
	}
	binds(&claim.Spec)
	change(&claim.Spec)
	if err := suite.cluster.Update(t.Context(), claim); err != nil {
		t.Fatal(err)
	}
	if !proven {
		return
	}
	claim.Status.VerifiedAt = new(metav1.Now())
	if err := suite.cluster.Status().Update(t.Context(), claim); err != nil {
		t.Fatal(err)
	}
	domain := &v1alpha1.Domain{}
	if err := suite.cluster.Get(t.Context(), client.ObjectKey{Namespace: organization, Name: name}, domain); err != nil {
		t.Fatal(err)
	}
	domain.Status.VerifiedHost = host
	if err := suite.cluster.Status().Update(t.Context(), domain); err != nil {
		t.Fatal(err)
	}
}
