package facade

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	ac "github.com/berth-dev/berth/api/v1alpha1/applyconfiguration/api/v1alpha1"
)

// TestDomainFieldsOfGit says that what Git has set of a Domain is not fought over, and that what it leaves open is REST clients'.
func TestDomainFieldsOfGit(t *testing.T) {
	org, key, slug := newSite(t, "gitdomain")
	host := slug + ".example.org"
	path := domainPath(org, host)
	authority := newAuthority(t)
	custom := authority.pair(t, host)
	spec := ac.DomainSpec().WithHost(host).WithAppRef(ac.AppRef().WithName(slug)).WithAuthentication(v1alpha1.AuthenticationLoginOnly).
		WithTLS(ac.DomainTLS().WithIssuerRef(ac.IssuerRef().WithName("special"))).
		WithMail(ac.DomainMail().WithHost("smtp.example.org").WithUser("git").WithPort(25))
	apply := func() {
		t.Helper()
		if err := suite.cluster.Apply(t.Context(), ac.Domain("www", org).WithSpec(spec), git); err != nil {
			t.Fatal(err)
		}
	}
	apply()
	eventually(t, "the server knows the Domain", func() bool { return call(t, key, http.MethodGet, path, nil).status == http.StatusOK })
	before := world(t, org)
	const byGit = " is set by kustomize-controller; change it there."
	for name, tc := range map[string]struct {
		body map[string]any
		want string
	}{
		"Host":           {body: map[string]any{"domain": "www." + host}, want: "spec.host" + byGit},
		"Certificate":    {body: custom.body(), want: "spec.tls" + byGit},
		"Authentication": {body: map[string]any{"authentication": 0, "from_email": "a@b"}, want: "spec.authentication" + byGit},
		"MailHost":       {body: map[string]any{"email_host": "smtp.example.net"}, want: "spec.mail.host" + byGit},
		"NoMailHost":     {body: map[string]any{"email_host": "", "email_host_password": "p"}, want: "spec.mail.host" + byGit},
		"Port":           {body: map[string]any{"email_port": nil}, want: "spec.mail.port" + byGit},
		"User":           {body: map[string]any{"email_host_user": "rest"}, want: "spec.mail.user" + byGit},
	} {
		t.Run(name, func(t *testing.T) {
			got := call(t, key, http.MethodPut, path, tc.body).want(t, http.StatusConflict).json(t)
			if diff := cmp.Diff(map[string]any{"detail": tc.want}, got); diff != "" {
				t.Errorf("-want, +got:\n%s", diff)
			}
			if diff := cmp.Diff(before, world(t, org)); diff != "" {
				t.Errorf("it wrote: -before, +after:\n%s", diff)
			}
		})
	}

	read := call(t, key, http.MethodGet, path, nil).json(t)
	body := with(read, map[string]any{"from_email": "rest@example.org", "email_host_password": "p"})
	want := with(read, map[string]any{"from_email": "rest@example.org"})
	if diff := cmp.Diff(want, call(t, key, http.MethodPut, path, body).want(t, http.StatusOK).json(t)); diff != "" {
		t.Errorf("beside Git: -want, +got:\n%s", diff)
	}
	owned, err := ac.ExtractDomain(domainOf(t, org, "www"), v1alpha1.FieldOwnerFacade)
	if err != nil {
		t.Fatal(err)
	}
	if s := owned.Spec; s.Host != nil || s.TLS != nil || s.Authentication != nil || s.Mail.Host != nil || s.Mail.From == nil || s.Mail.PasswordSecretRef == nil {
		t.Errorf("the facade owns something else than what it has set: %+v, mail %+v", s, s.Mail)
	}
	// Git goes on as if nobody else were there, and takes nothing of it.
	apply()
	call(t, key, http.MethodPut, path, map[string]any{"from_email": nil, "email_host_password": nil}).want(t, http.StatusOK)
	if mail := domainOf(t, org, "www").Spec.Mail; mail.From != "" || mail.PasswordSecretRef != nil || mail.User != "git" {
		t.Errorf("after all was taken back: %+v", mail)
	}
}

// TestCertificateOfGit says that a custom certificate that Git names is shown, and isn't REST clients' to replace or delete.
func TestCertificateOfGit(t *testing.T) {
	org, key, slug := newSite(t, "gitcert")
	host := slug + ".example.org"
	custom := newAuthority(t).pair(t, host)
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: org, Name: "theirs", Labels: map[string]string{v1alpha1.LabelSecret: v1alpha1.SecretCertificate}},
		Type:       corev1.SecretTypeTLS,
		Data:       map[string][]byte{corev1.TLSCertKey: []byte(custom.chain), corev1.TLSPrivateKeyKey: []byte(custom.key)},
	}
	if err := suite.cluster.Create(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	tls := ac.DomainTLS().WithSecretRef(ac.SecretRef().WithName(secret.Name))
	domain := ac.Domain("www", org).WithSpec(ac.DomainSpec().WithHost(host).WithAppRef(ac.AppRef().WithName(slug)).WithTLS(tls))
	if err := suite.cluster.Apply(t.Context(), domain, git); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the certificate is shown", func() bool {
		got := call(t, key, http.MethodGet, domainPath(org, slug), nil).json(t)
		return got["ssl_certificate"] == custom.chain && got["cert_type"] == "custom"
	})
	before := world(t, org)
	call(t, key, http.MethodPut, domainPath(org, slug), custom.body()).want(t, http.StatusOK)
	for method, path := range map[string]string{http.MethodDelete: domainPath(org, slug) + "certificates/", http.MethodPut: domainPath(org, slug)} {
		got := call(t, key, method, path, newAuthority(t).pair(t, host).body()).want(t, http.StatusConflict).json(t)
		if diff := cmp.Diff(map[string]any{"detail": "spec.tls is set by kustomize-controller; change it there."}, got); diff != "" {
			t.Errorf("%s: -want, +got:\n%s", method, diff)
		}
	}
	if diff := cmp.Diff(before, world(t, org)); diff != "" {
		t.Errorf("it wrote: -before, +after:\n%s", diff)
	}
}

// TestDomainBetween says that somebody else's change in between doesn't make a client's fail.
func TestDomainBetween(t *testing.T) {
	org, key, slug := newSite(t, "between")
	host := slug + ".example.org"
	custom := newAuthority(t).pair(t, host)
	call(t, key, http.MethodPut, domainPath(org, slug), map[string]any{"domain": host}).want(t, http.StatusOK)
	bodies := []map[string]any{{"authentication": 1}, {"from_email": "a@b"}, custom.body(), {"email_host_user": "ann", "email_host_password": "p"}}
	var running sync.WaitGroup
	for _, body := range bodies {
		running.Go(func() {
			if got := call(t, key, http.MethodPut, domainPath(org, slug), body); got.status != http.StatusOK {
				t.Errorf("PUT of %v: got %d %s", slices.Sorted(maps.Keys(body)), got.status, got.body)
			}
		})
	}
	running.Go(func() {
		for i := range 20 {
			domain := domainOf(t, org, slug)
			patch := client.MergeFrom(domain.DeepCopy())
			metav1.SetMetaDataAnnotation(&domain.ObjectMeta, "example.com/count", fmt.Sprint(i))
			if err := suite.cluster.Patch(t.Context(), domain, patch); err != nil {
				t.Error(err)
			}
		}
	})
	running.Wait()
	want := with(defaultView(slug), map[string]any{
		"domain": host, "url": "https://" + host, "authentication": 1.0, "from_email": "a@b", "email_host_user": "ann",
		"ssl_certificate": custom.chain, "cert_type": "custom",
	})
	if diff := cmp.Diff(want, call(t, key, http.MethodGet, domainPath(org, slug), nil).json(t)); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}
	for _, purpose := range []string{v1alpha1.SecretCertificate, v1alpha1.SecretMailPassword} {
		if got := len(secretsOf(t, org, purpose)); got != 1 {
			t.Errorf("there are %d Secrets for %s, want 1", got, purpose)
		}
	}
}

// TestRefusedDomain says that nothing is left of a change that the API server refuses, but for a claim that the operator deletes a minute later.
func TestRefusedDomain(t *testing.T) {
	org, key, slug := newSite(t, "refused")
	host := slug + ".example.org"
	refuse(t, org, "object.spec.host != '"+host+"'")
	eventually(t, "the policy is in force", func() bool {
		got := call(t, key, http.MethodPut, appPath(org, slug), map[string]any{"domain": host})
		call(t, key, http.MethodPut, appPath(org, slug), map[string]any{"domain": ""})
		return got.status == http.StatusForbidden
	})
	if claim := claimOf(t, host); claim != nil { // Of a request before that.
		if err := suite.cluster.Delete(t.Context(), claim); err != nil {
			t.Fatal(err)
		}
	}
	before := world(t, org)
	body := with(newAuthority(t).pair(t, host).body(), map[string]any{"email_host_user": "ann", "email_host_password": "p", "domain": host})
	call(t, key, http.MethodPut, domainPath(org, slug), body).want(t, http.StatusForbidden)
	wantClaim(t, host, "", "", "")
	call(t, key, http.MethodPost, domainsPath(org), body).want(t, http.StatusForbidden)
	wantClaim(t, host, "", "", "")
	if diff := cmp.Diff(before, world(t, org)); diff != "" {
		t.Errorf("it left something: -before, +after:\n%s", diff)
	}
}

// refuse makes the API server refuse the Domains of an organization that an expression isn't true of.
func refuse(t *testing.T, organization, expression string) {
	t.Helper()
	policy := &admissionregistrationv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "test-" + organization},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionregistrationv1.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: organization}},
				ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{RuleWithOperations: admissionregistrationv1.RuleWithOperations{
					Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update},
					Rule: admissionregistrationv1.Rule{
						APIGroups: []string{v1alpha1.GroupVersion.Group}, APIVersions: []string{"*"}, Resources: []string{"domains"},
					},
				}}},
			},
			Validations: []admissionregistrationv1.Validation{{Expression: expression, Reason: new(metav1.StatusReasonForbidden)}},
		},
	}
	binding := &admissionregistrationv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: policy.Name},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: policy.Name, ValidationActions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny},
		},
	}
	for _, object := range []client.Object{policy, binding} {
		if err := suite.cluster.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
}
