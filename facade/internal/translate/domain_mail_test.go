package translate

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/wire"
)

// withLogin is an App with a Domain that the facade has made, with a login of its own at a server of its own.
func withLogin() Observed {
	d := domain("shop", 0, v1alpha1.DomainSpec{Host: "www.example.com", Mail: &v1alpha1.DomainMail{
		Host: "smtp.example.org", Port: new(int32(25)), User: "ann", PasswordSecretRef: &v1alpha1.SecretKeyRef{Name: "old", Key: "password"},
	}})
	d.ManagedFields = []metav1.ManagedFieldsEntry{fields(v1alpha1.FieldOwnerFacade, metav1.ManagedFieldsOperationApply, `{"f:spec": {
		"f:mail": {"f:host": {}, "f:port": {}, "f:user": {}, "f:passwordSecretRef": {"f:name": {}, "f:key": {}}}}}`)}
	return Observed{App: app("shop", v1alpha1.AppSpec{}), Domain: d, Secrets: map[string]*corev1.Secret{
		"old": secret(v1alpha1.SecretMailPassword, map[string]string{"password": "p"}),
	}}
}

// TestPasswordStaysWithItsLogin says that a stored password is for the server and the user that it was given for, and who may drop it.
func TestPasswordStaysWithItsLogin(t *testing.T) {
	const ofGit = "spec.mail.passwordSecretRef is set by argocd; change it there."
	cases := map[string]struct {
		reason string
		body   wire.DomainBody
		// want is the mail to be written, and ofGit what is said if the password is Git's; empty for no write and no error.
		want, ofGit string
	}{
		"Host": {body: wire.DomainBody{EmailHost: new("smtp.example.net")}, want: `{host: smtp.example.net, port: 25, user: ann}`, ofGit: ofGit},
		"Port": {body: wire.DomainBody{EmailPort: new(int32(465))}, want: `{host: smtp.example.org, port: 465, user: ann}`, ofGit: ofGit},
		"User": {body: wire.DomainBody{EmailHostUser: new("bob")}, want: `{host: smtp.example.org, port: 25, user: bob}`, ofGit: ofGit},
		"PlatformHost": {
			body: wire.DomainBody{EmailHost: new("")}, want: `{port: 25, user: ann}`, ofGit: ofGit,
		},
		"AsShown": {
			reason: "What is sent back as it was read changes nothing.",
			body: wire.DomainBody{
				FromEmail: new("hello@example.com"), EmailHost: new("smtp.example.org"), EmailPort: new(int32(25)), EmailHostUser: new("ann"),
			},
		},
		"PasswordAgain": {
			reason: "Whoever sends the password means it for the new server.",
			body:   wire.DomainBody{EmailHost: new("smtp.example.net"), EmailHostPassword: new("p")},
			want:   `{host: smtp.example.net, port: 25, user: ann, passwordSecretRef: {name: old, key: password}}`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			plan, err := ChangeDomain(platform, withLogin(), tc.body, fresh)
			if err != nil {
				t.Fatalf("\n%s\nChangeDomain(...): %v", tc.reason, err)
			}
			want := `{}`
			if tc.want != "" {
				want = `{domain: {mail: ` + tc.want + `}}`
			}
			if diff := cmp.Diff(tree(t, []byte(want)), summary(t, plan)); diff != "" {
				t.Errorf("\n%s\nChangeDomain(...): -want, +got:\n%s", tc.reason, diff)
			}
			observed := withLogin()
			observed.Domain.ManagedFields = []metav1.ManagedFieldsEntry{fields("argocd", metav1.ManagedFieldsOperationApply,
				`{"f:spec": {"f:mail": {"f:passwordSecretRef": {"f:name": {}, "f:key": {}}}}}`)}
			_, err = ChangeDomain(platform, observed, tc.body, fresh)
			got := ""
			if e, ok := errors.AsType[*apierr.Error](err); ok {
				got = e.Detail
			}
			if diff := cmp.Diff(tc.ofGit, got); diff != "" {
				t.Errorf("\n%s\nChangeDomain(...) of Git's: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestMailAsStated says that what a client states is shown as stated, also where that was what the rest followed from before.
func TestMailAsStated(t *testing.T) {
	server := Mail{From: "hello@example.com", Host: "smtp.example.com", Port: 25, User: "platform"}
	cases := map[string]struct {
		reason   string
		platform Mail
		have     v1alpha1.DomainMail
		body     wire.DomainBody
		want     v1alpha1.DomainMail
	}{
		"Nothing": {platform: server, have: v1alpha1.DomainMail{User: "ann"}, want: v1alpha1.DomainMail{User: "ann"}},
		"PlatformAsShown": {
			platform: server,
			body: wire.DomainBody{
				FromEmail: new("hello@example.com"), EmailHost: new("smtp.example.com"), EmailPort: new(int32(25)), EmailHostUser: new("platform"),
			},
		},
		"FromOfOldUser": {
			reason: "The address was the user's, who goes.", have: v1alpha1.DomainMail{User: "bob@z"},
			body: wire.DomainBody{FromEmail: new("bob@z"), EmailHostUser: new("eve@z")}, want: v1alpha1.DomainMail{From: "bob@z", User: "eve@z"},
		},
		"FromOfNewUser": {
			have: v1alpha1.DomainMail{User: "bob@z"}, body: wire.DomainBody{FromEmail: new("eve@z"), EmailHostUser: new("eve@z")},
			want: v1alpha1.DomainMail{User: "eve@z"},
		},
		"FromOfPlatform": {
			reason: "An address as user comes before the platform's.", platform: server,
			body: wire.DomainBody{FromEmail: new("hello@example.com"), EmailHostUser: new("ann@example.org")},
			want: v1alpha1.DomainMail{From: "hello@example.com", User: "ann@example.org"},
		},
		"UserElsewhere": {
			reason: "The platform's login isn't used at another server, but one of its name may be.", platform: server,
			body: wire.DomainBody{EmailHost: new("smtp.example.org"), EmailHostUser: new("platform")},
			want: v1alpha1.DomainMail{Host: "smtp.example.org", User: "platform"},
		},
		"UserAtOtherPort": {
			platform: server, body: wire.DomainBody{EmailPort: new(int32(465)), EmailHostUser: new("platform")},
			want: v1alpha1.DomainMail{Port: new(int32(465)), User: "platform"},
		},
		"PasswordForPlatforms": {
			reason: "A password makes the login the domain's own.", platform: server,
			body: wire.DomainBody{EmailHost: new("smtp.example.com"), EmailHostUser: new("platform"), EmailHostPassword: new("p")},
			want: v1alpha1.DomainMail{Host: "smtp.example.com", User: "platform"},
		},
		"Cleared": {
			platform: server, have: v1alpha1.DomainMail{From: "a@b", Host: "smtp.example.org", Port: new(int32(465)), User: "ann"},
			body: wire.DomainBody{FromEmail: new(""), EmailHost: new(""), EmailPort: new(int32(0)), EmailHostUser: new("")},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := Platform{Mail: tc.platform}.mailAsStated(tc.have, tc.body)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("\n%s\nmailAsStated(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}
