package wire

import (
	"crypto"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/mailbox"
	"github.com/berth-dev/berth/internal/certificate"
)

// Domain is a domain as every answer shows it. The order of the fields is that of the answer.
type Domain struct {
	// Slug is that of the app that the domain serves.
	Slug string `json:"slug"`
	// Domain is the host name, in punycode if it is an internationalized one.
	Domain string `json:"domain"`
	// DomainUnicode is the name that the punycode of Domain stands for; empty if it has none.
	DomainUnicode string `json:"domain_unicode,omitempty"`
	// URL is where the host answers.
	URL string `json:"url"`
	// SSLCertificate is the chain as PEM, the host's certificate first; empty until there is one.
	SSLCertificate string `json:"ssl_certificate"`
	// CertType is CertDefault or CertCustom.
	CertType string `json:"cert_type"`
	// FromEmail is the address that notifications come from; may be empty.
	FromEmail string `json:"from_email"`
	// EmailHost is the mail server; empty without one.
	EmailHost string `json:"email_host"`
	EmailPort int32  `json:"email_port"`
	// EmailHostUser is who logs in at the mail server; empty for nobody.
	EmailHostUser string `json:"email_host_user"`
	// Authentication is what the platform's login does: 0 all, 1 log people in who have an account, 2 log only the managers of the site in.
	Authentication int `json:"authentication"`
	// Billing is the dataset of the app.
	Billing string `json:"billing"`
	// State is StatePending, StateReady or StateFailed.
	State string `json:"state"`
	// Verification is the DNS record that has to be set to prove whose the host is; nil while none is wanted.
	Verification *Verification `json:"verification,omitempty"`
}

// Verification is a DNS record to set.
type Verification struct {
	// Name of the record, without a dot at its end.
	Name string `json:"name"`
	// Type is TXT.
	Type string `json:"type"`
	// Value that the record has to hold.
	Value string `json:"value"`
}

// Values of Domain.CertType.
const (
	// CertDefault is a certificate that the platform got by itself.
	CertDefault = "default"
	// CertCustom is a certificate that a user made.
	CertCustom = "custom"
)

// Values of Domain.State.
const (
	// StatePending is a domain that takes time.
	StatePending = "pending"
	// StateReady is a domain that answers with a valid certificate.
	StateReady = "ready"
	// StateFailed is a domain that somebody has to do something about.
	StateFailed = "failed"
)

// CSR is what to get a certificate with.
type CSR struct {
	// CSR is a certificate signing request as PEM.
	CSR string `json:"csr"`
}

// Notice says in plain text what was done.
type Notice struct {
	Detail string `json:"detail"`
}

// Upload is the content of a file in a form.
type Upload []byte

// DomainBody is what a client says about a domain. A nil field is one that the body doesn't name.
type DomainBody struct {
	// Slug is that of the app; never empty.
	Slug *string
	// Domain is a valid host in its normalized spelling; its punycode may be invalid.
	Domain *string
	// Certificate is nil also if the body says nothing by an empty one, and so is Key.
	Certificate certificate.Chain
	// Key is the private key of Certificate. There is none without a certificate.
	Key crypto.Signer
	// FromEmail is empty for the platform's own address, and so are the fields of the mail server for its own.
	FromEmail *string
	EmailHost *string
	// EmailPort is 0 for the platform's own.
	EmailPort     *int32
	EmailHostUser *string
	// EmailHostPassword is empty for none.
	EmailHostPassword *string
	// Authentication is 0, 1 or 2.
	Authentication *int
}

const (
	maxMailHost     = 253
	maxMailUser     = 254
	maxMailPassword = 4096
	maxPort         = 65535
	// maxAuthentication is the last of the choices of authentication, which count from 0.
	maxAuthentication = 2
)

// Names of fields that more than one place is about.
const (
	FieldSlug        = "slug"
	FieldDomain      = "domain"
	FieldCertificate = "ssl_certificate"
	FieldKey         = "ssl_certificate_key"
	FieldFrom        = "from_email"
	FieldHost        = "email_host"
	FieldPort        = "email_port"
	FieldUser        = "email_host_user"
	FieldPassword    = "email_host_password"
	FieldLogin       = "authentication"
	FieldRole        = "role_name"
	FieldExternalID  = "external_id"
	FieldEnv         = "env"
)

var controlPattern = regexp.MustCompile(`[[:cntrl:]]`)

// ParseDomain reads what a body says about a domain, as ParseApp does about an app. Beside what ParseApp takes, a certificate and a key may be
// an Upload.
func ParseDomain(members map[string]any) (DomainBody, error) {
	p := parser{members: members, errors: apierr.Fields{}}
	body := DomainBody{
		Slug:              p.optional(FieldSlug),
		Domain:            p.host(FieldDomain, required),
		FromEmail:         p.text(FieldFrom, clearable),
		EmailHost:         p.text(FieldHost, clearable),
		EmailPort:         p.port(FieldPort),
		EmailHostUser:     p.text(FieldUser, clearable),
		EmailHostPassword: p.credential(FieldPassword),
		Authentication:    p.authentication(FieldLogin),
	}
	p.certificate(&body)
	if body.EmailHost != nil {
		*body.EmailHost = normalMailHost(*body.EmailHost)
	}
	body.validate(p.errors)
	return body, p.errors.Err()
}

// normalMailHost returns a mail server without what it has only in places where it is written in another way: the dot at the end of a name, and the
// brackets around an IPv6 address.
func normalMailHost(server string) string {
	if inner, found := strings.CutPrefix(server, "["); found {
		if address, err := netip.ParseAddr(strings.TrimSuffix(inner, "]")); err == nil && address.Is6() && strings.HasSuffix(inner, "]") {
			return strings.TrimSuffix(inner, "]")
		}
	}
	if len(server) > maxMailHost {
		return server
	}
	return strings.TrimSuffix(server, ".")
}

// ParseSlug reads the slug of a body that may name an app; empty if it names none.
func ParseSlug(members map[string]any) (string, error) {
	p := parser{members: members, errors: apierr.Fields{}}
	slug := p.optional(FieldSlug)
	check(p.errors, FieldSlug, slug, validSlug, messageSlug)
	if slug == nil {
		slug = new("")
	}
	return *slug, p.errors.Err()
}

// certificate reads the certificate and its key, each of which may be in either member.
func (p *parser) certificate(body *DomainBody) {
	chain, withChain := p.parts(FieldCertificate)
	key, withKey := p.parts(FieldKey)
	if p.errors[FieldCertificate] != nil || p.errors[FieldKey] != nil || !withChain && !withKey {
		return
	}
	pair, err := chain.Join(key)
	if err != nil {
		p.errors.Add(FieldKey, err.Error())
		return
	}
	switch err := pair.RequireCertificate(); {
	case err != nil && withChain:
		p.errors.Add(FieldCertificate, err.Error())
	case err != nil:
		p.errors.Add(FieldCertificate, "ssl_certificate is required with ssl_certificate_key.")
	}
	if err := pair.RequireKey(); err != nil && withKey {
		p.errors.Add(FieldKey, err.Error())
	}
	body.Certificate, body.Key = pair.Certificates, pair.Private
}

// parts reads a member that is a PEM text or a file with one, and reports whether there is any.
func (p *parser) parts(name string) (certificate.Parts, bool) {
	text := p.pem(name)
	if len(text) == 0 {
		return certificate.Parts{}, false
	}
	parts, err := certificate.Parse(text)
	if err != nil {
		p.errors.Add(name, err.Error())
	}
	return parts, true
}

// pem reads a member that is a PEM text or a file with one; nil if it is empty or wrong.
func (p *parser) pem(name string) []byte {
	if file, uploaded := p.members[name].(Upload); uploaded {
		return file
	}
	if value := p.text(name, clearable); value != nil {
		return []byte(*value)
	}
	return nil
}

// port reads a member that is the number of a port, or null or "" for 0.
func (p *parser) port(name string) *int32 {
	value := p.text(name, clearable)
	if value == nil {
		return nil
	}
	if *value == "" {
		return new(int32(0))
	}
	port, err := strconv.ParseInt(*value, 10, 32)
	if err != nil || port < 1 || port > maxPort {
		p.errors.Add(name, fmt.Sprintf("A port is a number from 1 to %d.", maxPort))
		return nil
	}
	return new(int32(port))
}

// authentication reads a member that is one of the choices, or null for the default.
func (p *parser) authentication(name string) *int {
	if member, named := p.members[name]; named && member == nil {
		return new(0)
	}
	value := p.text(name, required)
	if value == nil {
		return nil
	}
	choice, err := strconv.Atoi(*value)
	if err != nil || choice < 0 || choice > maxAuthentication {
		p.errors.Add(name, fmt.Sprintf("%q is not a valid choice.", *value))
		return nil
	}
	return &choice
}

func (b *DomainBody) validate(errors apierr.Fields) {
	check(errors, FieldSlug, b.Slug, validSlug, messageSlug)
	check(errors, FieldFrom, b.FromEmail, validFromEmail, messageEmail)
	check(errors, FieldHost, b.EmailHost, validMailHost, "A mail server is a host name or an IP address without a port, such as smtp.example.com.")
	check(errors, FieldUser, b.EmailHostUser, validMailUser, "A user has at most 254 characters, and no control characters.")
	check(errors, FieldPassword, b.EmailHostPassword, validMailPassword, "A password has at most 4096 bytes.")
}

func validMailHost(server string) bool {
	_, err := mailbox.Host(server)
	return server == "" || err == nil
}

func validMailUser(user string) bool {
	return len(user) <= maxMailUser && !controlPattern.MatchString(user)
}

func validMailPassword(password string) bool { return len(password) <= maxMailPassword }
