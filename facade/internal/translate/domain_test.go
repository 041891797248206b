package translate

import (
	"crypto"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/wire"
	"github.com/berth-dev/berth/internal/certificate"
)

// customDomain is an App with a Domain that the facade has made, with a custom certificate and a login at a mail server.
func customDomain(t *testing.T) (Observed, certificate.Chain, crypto.Signer) {
	t.Helper()
	chain, key := issue(t, "www.example.com")
	d := domain("shop", 0, v1alpha1.DomainSpec{
		Host: "www.example.com", AppRef: v1alpha1.AppRef{Name: "shop"}, Authentication: v1alpha1.AuthenticationEnabled,
		TLS:  &v1alpha1.DomainTLS{SecretRef: &v1alpha1.SecretRef{Name: "shop-cert-old"}},
		Mail: &v1alpha1.DomainMail{User: "ann", PasswordSecretRef: &v1alpha1.SecretKeyRef{Name: "shop-mail-old", Key: "password"}},
	})
	d.ResourceVersion = "7"
	d.ManagedFields = []metav1.ManagedFieldsEntry{fields(v1alpha1.FieldOwnerFacade, metav1.ManagedFieldsOperationApply, `{"f:spec": {
		"f:host": {}, "f:appRef": {"f:name": {}}, "f:tls": {"f:secretRef": {"f:name": {}}},
		"f:mail": {"f:user": {}, "f:passwordSecretRef": {"f:name": {}, "f:key": {}}}}}`)}
	observed := Observed{App: app("shop", v1alpha1.AppSpec{}), Domain: d, Secrets: map[string]*corev1.Secret{
		"shop-cert-old": tlsSecret(t, v1alpha1.SecretCertificate, chain, key),
		"shop-mail-old": secret(v1alpha1.SecretMailPassword, map[string]string{"password": "p"}),
	}}
	observed.App.UID = "uid-of-shop"
	return observed, chain, key
}

func TestChangeDomain(t *testing.T) {
	observed, chain, key := customDomain(t)
	renewed := issueFor(t, "www.example.com", key)
	other, otherKey := issue(t, "other.example.com")
	waitedFor, waiting := issue(t, "www.example.com")
	spare := tlsSecret(t, v1alpha1.SecretNewCertKey, waitedFor, waiting)
	spare.OwnerReferences = []metav1.OwnerReference{{UID: "uid-of-shop"}}
	observed.Secrets["shop.newcert"] = spare
	const (
		base    = `host: www.example.com, appRef: {name: shop}`
		tls     = `tls: {secretRef: {name: shop-cert-old}}`
		newTLS  = `tls: {secretRef: {name: shop-cert-0123456789}}`
		mail    = `mail: {user: ann, passwordSecretRef: {name: shop-mail-old, key: password}}`
		newMail = `mail: {user: ann, passwordSecretRef: {name: shop-mail-0123456789, key: password}}`
	)
	cases := map[string]struct {
		reason string
		body   wire.DomainBody
		want   string
		// secrets are the names of those to be made, and spent that of one to go.
		secrets []string
		spent   bool
		// field is what a 400 names.
		field string
	}{
		"Nothing":   {want: `{}`},
		"OwnSlug":   {body: wire.DomainBody{Slug: new("shop")}, want: `{}`},
		"OtherSlug": {body: wire.DomainBody{Slug: new("other")}, field: "slug"},
		"Login": {
			body: wire.DomainBody{Authentication: new(1)},
			want: `{domain: {` + base + `, authentication: LoginOnly, ` + tls + `, ` + mail + `}}`,
		},
		"SamePair": {
			reason: "Whoever sends a pair twice has done no wrong.",
			body:   wire.DomainBody{Certificate: chain, Key: key}, want: `{}`,
		},
		"SameChain":  {body: wire.DomainBody{Certificate: chain}, want: `{}`},
		"SameBadKey": {body: wire.DomainBody{Certificate: chain, Key: otherKey}, field: "ssl_certificate_key"},
		"Renewed": {
			reason: "A renewal is for the same key.", body: wire.DomainBody{Certificate: renewed},
			want: `{domain: {` + base + `, ` + newTLS + `, ` + mail + `}}`, secrets: []string{"shop-cert-0123456789"},
		},
		"Waiting": {
			body: wire.DomainBody{Certificate: waitedFor},
			want: `{domain: {` + base + `, ` + newTLS + `, ` + mail + `}}`, secrets: []string{"shop-cert-0123456789"}, spent: true,
		},
		"OtherHost": {body: wire.DomainBody{Certificate: other, Key: otherKey}, field: "ssl_certificate"},
		"BothNew": {
			body:    wire.DomainBody{Domain: new("other.example.com"), Certificate: other, Key: otherKey},
			want:    `{domain: {host: other.example.com, appRef: {name: shop}, ` + newTLS + `, ` + mail + `}, host: other.example.com}`,
			secrets: []string{"shop-cert-0123456789"},
		},
		"HostAlone":      {body: wire.DomainBody{Domain: new("other.example.com"), Certificate: chain}, field: "domain"},
		"HostPunycode":   {body: wire.DomainBody{Domain: new("xn--a.example.com")}, field: "domain"},
		"HostOfPlatform": {body: wire.DomainBody{Domain: new("other.apps.example.com")}, field: "domain"},
		"HostOfService":  {body: wire.DomainBody{Domain: new("shop.acme.svc")}, field: "domain"},
		"HostOfCluster":  {body: wire.DomainBody{Domain: new("shop.acme.svc.cluster.local")}, field: "domain"},
		"SamePassword":   {body: wire.DomainBody{EmailHostPassword: new("p")}, want: `{}`},
		"NewPassword": {
			body: wire.DomainBody{EmailHostPassword: new("q")},
			want: `{domain: {` + base + `, ` + tls + `, ` + newMail + `}}`, secrets: []string{"shop-mail-0123456789"},
		},
		"NoPassword": {body: wire.DomainBody{EmailHostPassword: new("")}, want: `{domain: {` + base + `, ` + tls + `, mail: {user: ann}}}`},
		"NoUser": {
			reason: "A password is of no use without its user.",
			body:   wire.DomainBody{EmailHostUser: new("")}, want: `{domain: {` + base + `, ` + tls + `}}`,
		},
		"PasswordNoUser": {body: wire.DomainBody{EmailHostUser: new(""), EmailHostPassword: new("q")}, field: "email_host_user"},
		"MailAsShown": {
			reason: "What is shown may be the platform's and stays so.",
			body:   wire.DomainBody{FromEmail: new("hello@example.com"), EmailHost: new(""), EmailPort: new(int32(587)), EmailHostUser: new("ann")}, want: `{}`,
		},
		"MailServer": {
			reason: "A password is for no other server than the one it was given for.",
			body:   wire.DomainBody{EmailHost: new("smtp.example.com"), EmailPort: new(int32(25))},
			want:   `{domain: {` + base + `, ` + tls + `, mail: {host: smtp.example.com, port: 25, user: ann}}}`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			plan, err := ChangeDomain(platform, observed, tc.body, fresh)
			if tc.field != "" {
				if e, ok := errors.AsType[*apierr.Error](err); !ok || e.Fields[tc.field] == nil || len(plan.Secrets) > 0 {
					t.Fatalf("\n%s\nChangeDomain(...): got %v, want a 400 that names %s and no Secret", tc.reason, err, tc.field)
				}
				return
			}
			if err != nil {
				t.Fatalf("\n%s\nChangeDomain(...): %v", tc.reason, err)
			}
			var secrets []string
			for _, secret := range plan.Secrets {
				secrets = append(secrets, secret.Name)
			}
			if diff := cmp.Diff(tc.secrets, secrets); diff != "" {
				t.Errorf("\n%s\nSecrets: -want, +got:\n%s", tc.reason, diff)
			}
			if (plan.Spent == spare) != tc.spent {
				t.Errorf("\n%s\nthe waiting key is spent: %t, want %t", tc.reason, !tc.spent, tc.spent)
			}
			plan.Secrets = nil
			if diff := cmp.Diff(tree(t, []byte(tc.want)), summary(t, plan)); diff != "" {
				t.Errorf("\n%s\nChangeDomain(...): -want, +got:\n%s", tc.reason, diff)
			}
			if plan.Domain != nil && (plan.NewDomain || *plan.Domain.ResourceVersion != "7") {
				t.Errorf("\n%s\nthe plan is not for the Domain that there is", tc.reason)
			}
		})
	}
}

// TestChangeOfDefaultHost says when an App gets a Domain.
func TestChangeOfDefaultHost(t *testing.T) {
	chain, key := issue(t, "shop.apps.example.com")
	cases := map[string]struct {
		body wire.DomainBody
		want string
	}{
		"Nothing": {body: wire.DomainBody{Domain: new("shop.apps.example.com"), FromEmail: new(""), Authentication: new(0), EmailHostPassword: new("")}, want: `{}`},
		"Host": {
			body: wire.DomainBody{Domain: new("www.example.com")},
			want: `{domain: {host: www.example.com, appRef: {name: shop}}, host: www.example.com}`,
		},
		"Certificate": {
			body: wire.DomainBody{Certificate: chain, Key: key},
			want: `{domain: {host: shop.apps.example.com, appRef: {name: shop}, tls: {secretRef: {name: shop-cert-0123456789}}}}`,
		},
		"Login": {
			body: wire.DomainBody{Authentication: new(2)},
			want: `{domain: {host: shop.apps.example.com, appRef: {name: shop}, authentication: Disabled}}`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			plan, err := ChangeDomain(platform, Observed{App: app("shop", v1alpha1.AppSpec{})}, tc.body, fresh)
			if err != nil {
				t.Fatal(err)
			}
			if plan.NewDomain == plan.Empty() || !plan.Empty() && *plan.Domain.Name != "shop" {
				t.Errorf("the plan is not for a new Domain with the App's name: %+v", plan)
			}
			plan.Secrets = nil
			if diff := cmp.Diff(tree(t, []byte(tc.want)), summary(t, plan)); diff != "" {
				t.Errorf("ChangeDomain(...): -want, +got:\n%s", diff)
			}
		})
	}
}
