package translate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
)

func TestMailFor(t *testing.T) {
	full := Mail{From: "hello@example.com", Host: "smtp.example.com", Port: 25, User: "platform"}
	cases := map[string]struct {
		reason   string
		platform Mail
		domain   *v1alpha1.DomainMail
		want     Sending
	}{
		"Nothing": {reason: "No server, but a port to be used with one.", want: Sending{Mail: Mail{Port: 587}}},
		"Platform": {
			platform: full,
			want:     Sending{Mail: full, Platform: true, PlatformLogin: true},
		},
		"PlatformPort": {
			platform: Mail{Host: "smtp.example.com"},
			want:     Sending{Mail: Mail{Host: "smtp.example.com", Port: 587}, Platform: true},
		},
		"PlatformUserIsAddress": {
			platform: Mail{Host: "smtp.example.com", User: "a@b"},
			want:     Sending{Mail: Mail{From: "a@b", Host: "smtp.example.com", Port: 587, User: "a@b"}, Platform: true, PlatformLogin: true},
		},
		"OwnFrom": {
			platform: full, domain: &v1alpha1.DomainMail{From: "a@b"},
			want: Sending{Mail: Mail{From: "a@b", Host: "smtp.example.com", Port: 25, User: "platform"}, Platform: true, PlatformLogin: true},
		},
		"OwnUser": {
			reason:   "The server stays the platform's, the login isn't.",
			platform: full, domain: &v1alpha1.DomainMail{User: "ann"},
			want: Sending{Mail: Mail{From: "hello@example.com", Host: "smtp.example.com", Port: 25, User: "ann"}, Platform: true},
		},
		"OwnUserIsAddress": {
			platform: full, domain: &v1alpha1.DomainMail{User: "ann@example.org"},
			want: Sending{Mail: Mail{From: "ann@example.org", Host: "smtp.example.com", Port: 25, User: "ann@example.org"}, Platform: true},
		},
		"OwnHost": {
			reason:   "The platform's login is not for others' servers.",
			platform: full, domain: &v1alpha1.DomainMail{Host: "smtp.example.org"},
			want: Sending{Mail: Mail{From: "hello@example.com", Host: "smtp.example.org", Port: 25}},
		},
		"OwnPort": {
			reason:   "On another port there may be another server.",
			platform: full, domain: &v1alpha1.DomainMail{Port: new(int32(2525))},
			want: Sending{Mail: Mail{From: "hello@example.com", Host: "smtp.example.com", Port: 2525}},
		},
		"SamePort": {
			platform: full, domain: &v1alpha1.DomainMail{Port: new(int32(25))},
			want: Sending{Mail: full, Platform: true, PlatformLogin: true},
		},
		"PlatformByName": {
			reason:   "Whoever names a server brings the login.",
			platform: full, domain: &v1alpha1.DomainMail{Host: "SMTP.example.com"},
			want: Sending{Mail: Mail{From: "hello@example.com", Host: "SMTP.example.com", Port: 25}, Platform: true},
		},
		"OwnHostAlone": {domain: &v1alpha1.DomainMail{Host: "smtp.example.org"}, want: Sending{Mail: Mail{Host: "smtp.example.org", Port: 587}}},
		"UserWithoutServer": {
			platform: Mail{User: "platform"},
			want:     Sending{Mail: Mail{Port: 587}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := Platform{Mail: tc.platform}.MailFor(domain("shop", 0, v1alpha1.DomainSpec{Mail: tc.domain}))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("\n%s\nMailFor(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestPassword(t *testing.T) {
	type want struct {
		Password string
		Found    bool
	}
	cases := map[string]struct {
		reason string
		ref    *v1alpha1.SecretKeyRef
		want   want
	}{
		"None":  {want: want{Found: true}},
		"Found": {ref: &v1alpha1.SecretKeyRef{Name: "mine", Key: "password"}, want: want{Password: "p", Found: true}},
		"OfAFile": {
			reason: "kubectl takes a file with the line break at its end, which is no part of the password.",
			ref:    &v1alpha1.SecretKeyRef{Name: "file", Key: "password"}, want: want{Password: " p\nq ", Found: true},
		},
		"NoKey":   {ref: &v1alpha1.SecretKeyRef{Name: "mine", Key: "other"}},
		"Missing": {ref: &v1alpha1.SecretKeyRef{Name: "missing", Key: "password"}},
		"Purpose": {reason: "A Secret is for what its label says.", ref: &v1alpha1.SecretKeyRef{Name: "env", Key: "password"}},
	}
	data := map[string]string{"password": "p"}
	secrets := map[string]*corev1.Secret{"mine": secret(v1alpha1.SecretMailPassword, data), "env": secret(v1alpha1.SecretEnv, data)}
	secrets["file"] = secret(v1alpha1.SecretMailPassword, map[string]string{"password": " p\nq \r\n"})
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := domain("shop", 0, v1alpha1.DomainSpec{Mail: &v1alpha1.DomainMail{User: "ann", PasswordSecretRef: tc.ref}})
			password, found := Password(Observed{Domain: d, Secrets: secrets})
			if diff := cmp.Diff(tc.want, want{Password: password, Found: found}); diff != "" {
				t.Errorf("\n%s\nPassword(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}
