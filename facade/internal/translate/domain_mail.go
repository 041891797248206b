package translate

import (
	"cmp"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/berth-dev/berth/api/v1alpha1"
	ac "github.com/berth-dev/berth/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/wire"
)

// passwordKey is the key of a Secret that holds the password of a mail server's user.
const passwordKey = "password"

// setMail takes over what the body says of mail. What is as it was shown stays as it is: the Domain's own, or what the platform has.
func (c *domainChange) setMail(body wire.DomainBody) error {
	have := mailOf(c.observed.Domain)
	want := c.platform.mailAsStated(have, body)
	if err := c.setPassword(have, &want, body.EmailHostPassword); err != nil {
		return err
	}
	return c.writeMail(have, want)
}

// mailAsStated is the mail of a Domain that is shown as the body says. Who logs in may follow from the server, and the address from who
// logs in: in this order, each is compared with what would be shown by now, and not with what was shown before.
func (p Platform) mailAsStated(have v1alpha1.DomainMail, body wire.DomainBody) v1alpha1.DomainMail {
	want, shown := have, p.sending(have)
	replace(&want.Host, body.EmailHost, shown.Host)
	if port := body.EmailPort; port != nil && *port != shown.Port {
		want.Port = nil
		if *port != 0 {
			want.Port = port
		}
	}
	replace(&want.User, body.EmailHostUser, p.sending(want).User)
	if password := body.EmailHostPassword; password != nil && *password != "" {
		// It is for a login of the domain's own, even one that is called as the platform's: some services have one user name for all.
		want.Host = cmp.Or(ptr.Deref(body.EmailHost, ""), want.Host)
		want.User = cmp.Or(ptr.Deref(body.EmailHostUser, ""), want.User)
	}
	replace(&want.From, body.FromEmail, p.sending(want).From)
	return want
}

// replace sets a field to what the client says, unless that is what is shown anyway.
func replace(field, said *string, shown string) {
	if said != nil && *said != shown {
		*field = *said
	}
}

// setPassword gives the mail's user another password, or none. A password is for the server and the user that it was given for: with
// another, it is to be given again.
func (c *domainChange) setPassword(have v1alpha1.DomainMail, want *v1alpha1.DomainMail, password *string) error {
	switch {
	case password == nil && sameLogin(have, *want):
		return nil
	case password == nil || *password == "":
		want.PasswordSecretRef = nil
		return nil
	case want.User == "":
		return apierr.Field(wire.FieldUser, "A password wants a user of the domain's own.")
	}
	if now, found := Password(c.observed); found && now == *password {
		return nil
	}
	name := c.observed.App.Name + "-mail-" + c.fresh.Suffix
	data := map[string][]byte{passwordKey: []byte(*password)}
	want.PasswordSecretRef = &v1alpha1.SecretKeyRef{Name: name, Key: passwordKey}
	c.plan.Secrets = append(c.plan.Secrets, newSecret(c.observed.App, name, v1alpha1.SecretMailPassword, corev1.SecretTypeOpaque, data))
	return nil
}

// sameLogin tells whether two mails of a Domain name the same user at the same server.
func sameLogin(a, b v1alpha1.DomainMail) bool {
	return a.Host == b.Host && ptr.Equal(a.Port, b.Port) && a.User == b.User
}

// writeMail makes the desired mail differ from what there is only in what is wanted so.
func (c *domainChange) writeMail(have, want v1alpha1.DomainMail) error {
	mail := ac.DomainMail()
	if spec := c.desired.Spec; spec != nil && spec.Mail != nil {
		mail = spec.Mail
	}
	changed, password := false, want.PasswordSecretRef
	for _, field := range []struct {
		name    string
		changes bool
		set     func()
	}{
		{"from", have.From != want.From, func() { mail.From = optional(want.From) }},
		{"host", have.Host != want.Host, func() { mail.Host = optional(want.Host) }},
		{"port", !ptr.Equal(have.Port, want.Port), func() { mail.Port = want.Port }},
		{"user", have.User != want.User, func() { mail.User = optional(want.User) }},
		{"passwordSecretRef", !ptr.Equal(have.PasswordSecretRef, password), func() { mail.PasswordSecretRef = keyRef(password) }},
	} {
		if !field.changes {
			continue
		}
		if err := c.others.replace(mailPath(field.name)); err != nil {
			return err
		}
		field.set()
		changed = true
	}
	if !changed {
		return nil
	}
	c.changed = true
	c.spec().Mail = nil
	if *mail != (ac.DomainMailApplyConfiguration{}) {
		c.spec().WithMail(mail)
	}
	return nil
}

// optional is nil for the empty text, which an optional field can't hold.
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func keyRef(ref *v1alpha1.SecretKeyRef) *ac.SecretKeyRefApplyConfiguration {
	if ref == nil {
		return nil
	}
	return ac.SecretKeyRef().WithName(ref.Name).WithKey(ref.Key)
}
