package v1alpha1_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
)

func TestDomain(t *testing.T) {
	t.Parallel()
	host := func(host string) func(*v1alpha1.DomainSpec) {
		return func(s *v1alpha1.DomainSpec) { s.Host = host }
	}
	app := func(name string) func(*v1alpha1.DomainSpec) {
		return func(s *v1alpha1.DomainSpec) { s.AppRef.Name = name }
	}
	from := func(address string) func(*v1alpha1.DomainSpec) {
		return func(s *v1alpha1.DomainSpec) { s.Mail = &v1alpha1.DomainMail{From: address} }
	}
	mail := func(m v1alpha1.DomainMail) func(*v1alpha1.DomainSpec) {
		return func(s *v1alpha1.DomainSpec) { s.Mail = &m }
	}
	tls := func(t v1alpha1.DomainTLS) func(*v1alpha1.DomainSpec) {
		return func(s *v1alpha1.DomainSpec) { s.TLS = &t }
	}
	authentication := func(a v1alpha1.DomainAuthentication) func(*v1alpha1.DomainSpec) {
		return func(s *v1alpha1.DomainSpec) { s.Authentication = a }
	}
	issuer, secret := &v1alpha1.IssuerRef{Name: "letsencrypt"}, &v1alpha1.SecretRef{Name: "www-tls"}
	password := &v1alpha1.SecretKeyRef{Name: "smtp", Key: "password"}
	labels := strings.Repeat("abcdefg.", 31)
	cases := map[string]struct {
		change  func(*v1alpha1.DomainSpec)
		refused string
	}{
		"Host":           {change: host("www.example.com")},
		"TwoLabels":      {change: host("a.b")},
		"Punycode":       {change: host("xn--bcher-kva.example")},
		"LongestLabel":   {change: host(repeat(63) + ".example.com")},
		"LongestHost":    {change: host(labels + "abcde")},
		"OneLabel":       {change: host("localhost"), refused: "spec.host"},
		"UpperCase":      {change: host("WWW.example.com"), refused: "spec.host"},
		"Wildcard":       {change: host("*.example.com"), refused: "spec.host"},
		"IPv4":           {change: host("192.0.2.1"), refused: "spec.host"},
		"IPv6":           {change: host("2001:db8::1"), refused: "spec.host"},
		"IPv4Short":      {change: host("127.1"), refused: "spec.host"},
		"IPv4Hex":        {change: host("127.0.0.0x1"), refused: "spec.host"},
		"EndsInANumber":  {change: host("www.example.1"), refused: "spec.host"},
		"NumberInside":   {change: host("1.2.3.example")},
		"TrailingDot":    {change: host("www.example.com."), refused: "spec.host"},
		"LeadingDot":     {change: host(".example.com"), refused: "spec.host"},
		"LeadingHyphen":  {change: host("-www.example.com"), refused: "spec.host"},
		"TrailingHyphen": {change: host("www-.example.com"), refused: "spec.host"},
		"Underscore":     {change: host("my_app.example.com"), refused: "spec.host"},
		"Port":           {change: host("www.example.com:443"), refused: "spec.host"},
		"Scheme":         {change: host("https://www.example.com"), refused: "spec.host"},
		"FullWidth":      {change: host("ｗww.example.com"), refused: "spec.host"},
		"Umlaut":         {change: host("bücher.example"), refused: "spec.host"},
		"LabelTooLong":   {change: host(repeat(64) + ".example.com"), refused: "spec.host"},
		"HostTooLong":    {change: host(labels + "abcdef"), refused: "spec.host"},
		"NoHost":         {change: host(""), refused: "spec.host"},
		"LongestApp":     {change: app(repeat(25))},
		"AppTooLong":     {change: app(repeat(26)), refused: "spec.appRef.name"},
		"NoApp":          {change: app(""), refused: "spec.appRef"},
		"Mail":           {change: from("support@example.com")},
		"LongestMail":    {change: from("a@" + repeat(252))},
		"MailTooLong":    {change: from("a@" + repeat(253)), refused: "spec.mail.from"},
		"MailTooShort":   {change: from("a@"), refused: "spec.mail.from"},
		"NoAddress":      {change: from("support"), refused: "spec.mail.from"},
		"TwoAts":         {change: from("a@b@c"), refused: "spec.mail.from"},
		"SpaceInAddress": {change: from("a b@example.com"), refused: "spec.mail.from"},
		"NewlineInMail":  {change: from("a@example.com\nBcc:x@example.com"), refused: "spec.mail.from"},
		"MailWithName":   {change: from("Djao Support <support@example.com>")},
		"MailInBrackets": {change: from("<support@example.com>")},
		"MailQuotedName": {change: from(`"Djao, Inc. <x>" <support@example.com>`)},
		"MailUnicode":    {change: from("Größe <größe@münchen.example>")},
		"MailQuoted":     {change: from(`"a b"@example.com`)},
		"LongestName":    {change: from(strings.Repeat("é", 512-6) + " <a@b>")},
		"NameTooLong":    {change: from(strings.Repeat("é", 512-5) + " <a@b>"), refused: "spec.mail.from"},
		"MailUnclosed":   {change: from("Djao <support@example.com"), refused: "spec.mail.from"},
		"MailList":       {change: from("a@b, c@d"), refused: "spec.mail.from"},
		"NameWithBreak":  {change: from("Djao\r\nBcc: x@y <a@b>"), refused: "spec.mail.from"},
		"NameInjects":    {change: from("Djao\nSupport <a@b>"), refused: "spec.mail.from"},
		"EmptyMail":      {change: from(""), refused: "spec.mail"},

		"MailServer": {
			change: mail(v1alpha1.DomainMail{Host: "smtp.example.com", Port: new(int32(465)), User: "me@example.com", PasswordSecretRef: password}),
		},
		"MailServerUnicode":  {change: mail(v1alpha1.DomainMail{Host: "smtp.münchen.example"})},
		"MailServerHyphen":   {change: mail(v1alpha1.DomainMail{Host: "smtp.-ü.example"}), refused: "spec.mail.host"},
		"MailServerIP":       {change: mail(v1alpha1.DomainMail{Host: "192.0.2.1"})},
		"MailServerIPv6":     {change: mail(v1alpha1.DomainMail{Host: "2001:db8::1"})},
		"MailServerOneLabel": {change: mail(v1alpha1.DomainMail{Host: "Mail"})},
		"MailServerWithPort": {change: mail(v1alpha1.DomainMail{Host: "smtp.example.com:25"}), refused: "spec.mail.host"},
		"MailServerURL":      {change: mail(v1alpha1.DomainMail{Host: "smtp://smtp.example.com"}), refused: "spec.mail.host"},
		"MailServerTooLong":  {change: mail(v1alpha1.DomainMail{Host: labels + "abcdef"}), refused: "spec.mail.host"},
		"PortZero":           {change: mail(v1alpha1.DomainMail{Port: new(int32(0))}), refused: "spec.mail.port"},
		"PortNegative":       {change: mail(v1alpha1.DomainMail{Port: new(int32(-1))}), refused: "spec.mail.port"},
		"LastPort":           {change: mail(v1alpha1.DomainMail{Port: new(int32(65535))})},
		"PortTooLarge":       {change: mail(v1alpha1.DomainMail{Port: new(int32(65536))}), refused: "spec.mail.port"},
		"UserWithNewline":    {change: mail(v1alpha1.DomainMail{User: "me\nRCPT TO:<x@y>"}), refused: "spec.mail.user"},
		"PasswordNoUser":     {change: mail(v1alpha1.DomainMail{Host: "a.example", PasswordSecretRef: password}), refused: "spec.mail.passwordSecretRef"},
		"PasswordNoKey": {
			change:  mail(v1alpha1.DomainMail{User: "me", PasswordSecretRef: &v1alpha1.SecretKeyRef{Name: "smtp"}}),
			refused: "spec.mail.passwordSecretRef.key",
		},

		"Issuer":          {change: tls(v1alpha1.DomainTLS{IssuerRef: issuer})},
		"Secret":          {change: tls(v1alpha1.DomainTLS{SecretRef: secret})},
		"IssuerAndSecret": {change: tls(v1alpha1.DomainTLS{IssuerRef: issuer, SecretRef: secret}), refused: "spec.tls"},
		"EmptyTLS":        {change: tls(v1alpha1.DomainTLS{}), refused: "spec.tls"},
		"IssuerNoName":    {change: tls(v1alpha1.DomainTLS{IssuerRef: &v1alpha1.IssuerRef{}}), refused: "spec.tls.issuerRef.name"},
		"SecretNoName":    {change: tls(v1alpha1.DomainTLS{SecretRef: &v1alpha1.SecretRef{}}), refused: "spec.tls.secretRef.name"},

		"LoginOnly":             {change: authentication(v1alpha1.AuthenticationLoginOnly)},
		"UnknownAuthentication": {change: authentication("Sometimes"), refused: "spec.authentication"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			domain := &v1alpha1.Domain{
				ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: "www"},
				Spec:       v1alpha1.DomainSpec{Host: "www.example.com", AppRef: v1alpha1.AppRef{Name: "web"}},
			}
			tc.change(&domain.Spec)
			refused(t, api.Create(t.Context(), domain, client.DryRunAll), tc.refused)
		})
	}
}

// TestInternationalizedHost says that the refusal of a host in Unicode tells how to write it.
func TestInternationalizedHost(t *testing.T) {
	t.Parallel()
	domain := &v1alpha1.Domain{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: "idn"},
		Spec:       v1alpha1.DomainSpec{Host: "münchen.example", AppRef: v1alpha1.AppRef{Name: "web"}},
	}
	if err := api.Create(t.Context(), domain, client.DryRunAll); err == nil || !strings.Contains(err.Error(), "punycode, such as xn--") {
		t.Errorf("got %v, want that the host must be in punycode", err)
	}
}

// TestDomainDefaults says what a Domain gets that leaves things out: nothing that REST clients set, or they couldn't.
func TestDomainDefaults(t *testing.T) {
	t.Parallel()
	domain := &v1alpha1.Domain{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: "defaults"},
		Spec: v1alpha1.DomainSpec{
			Host: "defaults.example.com", AppRef: v1alpha1.AppRef{Name: "web"},
			TLS: &v1alpha1.DomainTLS{IssuerRef: &v1alpha1.IssuerRef{Name: "letsencrypt"}},
		},
	}
	if err := api.Create(t.Context(), domain, client.DryRunAll); err != nil {
		t.Fatal(err)
	}
	want := v1alpha1.DomainSpec{
		Host: "defaults.example.com", AppRef: v1alpha1.AppRef{Name: "web"},
		TLS: &v1alpha1.DomainTLS{IssuerRef: &v1alpha1.IssuerRef{Name: "letsencrypt", Kind: "ClusterIssuer", Group: "cert-manager.io"}},
	}
	if diff := cmp.Diff(want, domain.Spec); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}
}
