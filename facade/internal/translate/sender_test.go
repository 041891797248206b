package translate

import (
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/internal/host"
)

// TestSenderFor says which addresses an organization sends from at the platform's mail server. It owns shop.example.org and the domains below it.
func TestSenderFor(t *testing.T) {
	platform := Mail{From: "Berth <no-reply@Apps.example.com>", Host: "smtp.example.com", Port: 25, User: "platform"}
	replaced := func(address string) Sender { return Sender{From: platform.From, ReplyTo: address} }
	as := func(from string) Sender { return Sender{From: from} }
	cases := map[string]struct {
		reason string
		mail   v1alpha1.DomainMail
		want   Sender
	}{
		"Platform":           {want: as(platform.From)},
		"PlatformDomain":     {mail: v1alpha1.DomainMail{From: "shop@apps.example.com"}, want: as("shop@apps.example.com")},
		"PlatformInCapitals": {mail: v1alpha1.DomainMail{From: "shop@APPS.Example.COM"}, want: as("shop@APPS.Example.COM")},
		"SubAddress":         {mail: v1alpha1.DomainMail{From: "shop+orders@apps.example.com"}, want: as("shop+orders@apps.example.com")},
		"Name":               {mail: v1alpha1.DomainMail{From: "Shop <shop@apps.example.com>"}, want: as("Shop <shop@apps.example.com>")},
		"BelowPlatform": {
			reason: "There are the default hosts of other organizations.",
			mail:   v1alpha1.DomainMail{From: "a@rival.apps.example.com"}, want: replaced("a@rival.apps.example.com"),
		},
		"AbovePlatform": {mail: v1alpha1.DomainMail{From: "ceo@example.com"}, want: replaced("ceo@example.com")},
		"Suffix":        {mail: v1alpha1.DomainMail{From: "a@evil-apps.example.com"}, want: replaced("a@evil-apps.example.com")},
		"Foreign":       {mail: v1alpha1.DomainMail{From: "Bank <security@bank.example>"}, want: replaced("security@bank.example")},
		"Own":           {mail: v1alpha1.DomainMail{From: "a@shop.example.org"}, want: as("a@shop.example.org")},
		"OwnInCapitals": {mail: v1alpha1.DomainMail{From: "a@Shop.Example.ORG"}, want: as("a@Shop.Example.ORG")},
		"BelowOwn":      {mail: v1alpha1.DomainMail{From: "a@news.shop.example.org"}, want: as("a@news.shop.example.org")},
		"AboveOwn":      {mail: v1alpha1.DomainMail{From: "a@example.org"}, want: replaced("a@example.org")},
		"Homograph": {
			reason: "A name is compared in punycode, so that a letter of another script is another letter.",
			mail:   v1alpha1.DomainMail{From: "a@\u0455hop.example.org"}, want: replaced("a@xn--hop-ehd.example.org"),
		},
		"FullWidth": {
			reason: "Programs for mail read it as the domain that it looks like.",
			mail:   v1alpha1.DomainMail{From: "a@\uff53hop.example.org"}, want: as("a@\uff53hop.example.org"),
		},
		"QuotedLocalPart":    {mail: v1alpha1.DomainMail{From: `"a b"@apps.example.com`}, want: as(`"a b"@apps.example.com`)},
		"AddressAsLocalPart": {mail: v1alpha1.DomainMail{From: `"ceo@bank.example"@apps.example.com`}, want: replaced(`"ceo@bank.example"@apps.example.com`)},
		"AddressAsName": {
			mail: v1alpha1.DomainMail{From: `"security@bank.example" <a@apps.example.com>`}, want: as("a@apps.example.com"),
		},
		"AddressInName": {
			mail: v1alpha1.DomainMail{From: `"Bank (security@bank.example)" <a@shop.example.org>`}, want: as("a@shop.example.org"),
		},
		"AddressAsEncodedName": {
			mail: v1alpha1.DomainMail{From: `=?utf-8?q?security=40bank.example?= <a@apps.example.com>`}, want: as("a@apps.example.com"),
		},
		"AddressAsFullWidthName": {
			mail: v1alpha1.DomainMail{From: "security\uff20bank.example <a@apps.example.com>"}, want: as("a@apps.example.com"),
		},
		"SameAddressAsName": {
			mail: v1alpha1.DomainMail{From: `"A@apps.example.com" <a@apps.example.com>`}, want: as(`"A@apps.example.com" <a@apps.example.com>`),
		},
		"SeveralAddresses": {
			reason: "That is no address, which is said when mail is sent.",
			mail:   v1alpha1.DomainMail{From: "a@apps.example.com, b@bank.example"}, want: as("a@apps.example.com, b@bank.example"),
		},
		"PlatformServerByName": {mail: v1alpha1.DomainMail{Host: "SMTP.example.com", From: "a@bank.example"}, want: replaced("a@bank.example")},
		"PlatformServerAtAnotherPort": {
			mail: v1alpha1.DomainMail{Host: "smtp.example.com", Port: new(int32(2525)), From: "a@bank.example"}, want: replaced("a@bank.example"),
		},
		"AnotherPort": {mail: v1alpha1.DomainMail{Port: new(int32(2525)), From: "a@bank.example"}, want: replaced("a@bank.example")},
		"OwnServer":   {mail: v1alpha1.DomainMail{Host: "smtp.example.org", From: "a@bank.example"}, want: as("a@bank.example")},
		"OwnServerWithPlatformsFrom": {
			mail: v1alpha1.DomainMail{Host: "smtp.example.org"}, want: as(platform.From),
		},
		"OwnLogin": {
			reason: "The server knows whom it has let in.",
			mail:   v1alpha1.DomainMail{User: "ann", From: "a@bank.example"}, want: as("a@bank.example"),
		},
		"OwnLoginAsSender": {mail: v1alpha1.DomainMail{User: "ann@bank.example"}, want: as("ann@bank.example")},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Platform{Mail: platform}.SenderFor(domain("shop", 0, v1alpha1.DomainSpec{Mail: &tc.mail}), ownsShop)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("\n%s\nSenderFor(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func ownsShop(domain string) (bool, error) { return host.IsUnder(domain, "shop.example.org"), nil }

// TestSenderForOfPlatforms is about what platforms have set up.
func TestSenderForOfPlatforms(t *testing.T) {
	const bank = "a@bank.example"
	cases := map[string]struct {
		platform Platform
		from     string
		want     Sender
	}{
		"Domains": {
			platform: Platform{Mail: Mail{From: "a@apps.example.com", Host: "smtp.example.com"}, SenderDomains: []string{"bank.example"}},
			from:     bank, want: Sender{From: bank},
		},
		"DomainsInPlaceOfTheDefault": {
			platform: Platform{Mail: Mail{From: "a@apps.example.com", Host: "smtp.example.com"}, SenderDomains: []string{"example.com"}},
			from:     "b@apps.example.com", want: Sender{From: "a@apps.example.com", ReplyTo: "b@apps.example.com"},
		},
		"UserAsSender": {
			platform: Platform{Mail: Mail{User: "b@bank.example", Host: "smtp.example.com"}},
			from:     bank, want: Sender{From: bank},
		},
		"InternationalizedServer": {
			platform: Platform{Mail: Mail{From: "a@apps.example.com", Host: "smtp.m\u00fcnchen.example"}},
			from:     bank, want: Sender{From: "a@apps.example.com", ReplyTo: bank},
		},
		"NoServer": {platform: Platform{Mail: Mail{From: "a@apps.example.com"}}, from: bank, want: Sender{From: bank}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			mail := &v1alpha1.DomainMail{From: tc.from}
			if name == "InternationalizedServer" {
				mail.Host = "SMTP.xn--mnchen-3ya.example"
			}
			got, err := tc.platform.SenderFor(domain("shop", 0, v1alpha1.DomainSpec{Mail: mail}), ownsShop)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("SenderFor(...): -want, +got:\n%s", diff)
			}
		})
	}
	t.Run("NoAddress", func(t *testing.T) {
		nameless := Platform{Mail: Mail{User: "platform", Host: "smtp.example.com"}}
		_, err := nameless.SenderFor(domain("shop", 0, v1alpha1.DomainSpec{Mail: &v1alpha1.DomainMail{From: bank}}), ownsShop)
		if e, ok := errors.AsType[*apierr.Error](err); !ok || e.Status != http.StatusBadRequest || e.Fields["from_email"] == nil {
			t.Errorf("SenderFor(...): got error %v, want a 400 that names from_email", err)
		}
	})
	t.Run("Unknown", func(t *testing.T) {
		unknown := errors.New("no answer")
		_, err := Platform{Mail: Mail{From: "a@apps.example.com", Host: "smtp.example.com"}}.
			SenderFor(domain("shop", 0, v1alpha1.DomainSpec{Mail: &v1alpha1.DomainMail{From: bank}}), func(string) (bool, error) { return true, unknown })
		if !errors.Is(err, unknown) {
			t.Errorf("SenderFor(...): got error %v, want the one of the question who owns the domain", err)
		}
	})
	t.Run("IPAddress", func(t *testing.T) {
		for a, b := range map[string]string{"::1": "0:0:0:0:0:0:0:1", "127.0.0.1": "127.0.0.1", "Localhost": "localhost"} {
			if !sameServer(a, b) || sameServer(a, "192.0.2.1") {
				t.Errorf("sameServer does not know that %s is %s, and not 192.0.2.1", a, b)
			}
		}
	})
}
