package translate

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	ac "github.com/berth-dev/berth/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/wire"
	"github.com/berth-dev/berth/internal/credential"
	"github.com/berth-dev/berth/internal/registry"
)

// registry takes over what the body says of how the image is pulled: role_name is the ARN of an AWS role, or a user name and external_id its
// password or token. What is sent back as it was shown is no change, and that includes the organization's external id beside a user name.
//
// A login is for the registry and the user that it was given for: with another, the password is to be given again.
func (c *change) registry(body wire.AppBody) error {
	shown := roleOf(c.observed)
	role, token := shown, ""
	if body.RoleName != nil {
		role = *body.RoleName
	}
	if id := body.ExternalID; id != nil && *id != c.observed.ExternalID {
		token = *id
	}
	if role == shown && token == "" && !c.leavesLogin(body.Location) {
		return nil
	}
	if err := c.others.replace(registryPath); err != nil {
		return err
	}
	if err := checkLogin(role, token); err != nil {
		return err
	}
	c.changed = true
	c.spec().Registry = nil
	switch {
	case token != "":
		c.login(role, token)
	case role != "":
		c.spec().WithRegistry(ac.RegistryAccess().WithRoleARN(role))
	}
	return nil
}

// leavesLogin tells whether a location is in another registry than the one that a login was given for.
func (c *change) leavesLogin(location *string) bool {
	spec := c.observed.App.Spec
	if location == nil || spec.Registry == nil || spec.Registry.CredentialsSecretRef == nil {
		return false
	}
	_, image := wire.SplitLocation(*location)
	return registry.Of(image) != registry.Of(spec.Image)
}

// checkLogin is the 400 about a role or a user with a password that isn't one's, or without the one that is.
func checkLogin(role, token string) error {
	isRole := wire.IsRole(role)
	switch {
	case token != "" && role == "":
		return apierr.Field(wire.FieldRole, "A password or token, which external_id is here, wants its user name.")
	case token != "" && isRole:
		return apierr.Field(wire.FieldExternalID, "What an AWS role is assumed with is made by the platform: leave it out.")
	case token == "" && role != "" && !isRole:
		const message = "A role_name that is no ARN of an AWS role is a user name, and wants a password or token, again for each other user and registry."
		return apierr.Field(wire.FieldExternalID, message)
	default:
		return nil
	}
}

// login makes the App name a new Secret with a login, which takes the place of the one that it may name.
func (c *change) login(user, password string) {
	name := c.observed.App.Name + "-registry-" + c.fresh.Suffix
	data := map[string][]byte{corev1.BasicAuthUsernameKey: []byte(user), corev1.BasicAuthPasswordKey: []byte(password)}
	c.plan.Secrets = append(c.plan.Secrets, newSecret(c.observed.App, name, v1alpha1.SecretRegistry, corev1.SecretTypeBasicAuth, data))
	c.spec().WithRegistry(ac.RegistryAccess().WithCredentialsSecretRef(ac.SecretRef().WithName(name)))
}

// roleOf is who the image is pulled as: the ARN of a role, or a user name; empty also if the Secret with the login isn't there.
func roleOf(o Observed) string {
	if o.App.Spec.Registry == nil {
		return ""
	}
	ref := o.App.Spec.Registry.CredentialsSecretRef
	if ref == nil {
		return o.App.Spec.Registry.RoleARN
	}
	if secret := o.secret(ref.Name, v1alpha1.SecretRegistry); secret != nil {
		return credential.TrimLineBreak(string(secret.Data[corev1.BasicAuthUsernameKey]))
	}
	return ""
}
