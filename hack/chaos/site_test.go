package chaos

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// site is an organization with one App and its Domain, all of them with the same name, written as the facade writes them.
type site string

func (s site) named(suffix string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: string(s), Name: string(s) + suffix}
}

// secret is one of the App's Secrets.
func (s site) secret(suffix, use string, data map[string]string) *corev1.Secret {
	secret := &corev1.Secret{ObjectMeta: s.named(suffix), StringData: data, Immutable: new(true)}
	secret.Labels = map[string]string{v1alpha1.LabelSecret: use, v1alpha1.LabelApp: string(s)}
	return secret
}

func (s site) env(suffix string) []v1alpha1.EnvVar {
	ref := &v1alpha1.KeyRef{Name: string(s) + "-env" + suffix, Key: "TOKEN"}
	return []v1alpha1.EnvVar{{Name: "TOKEN", ValueFrom: &v1alpha1.EnvVarSource{SecretKeyRef: ref}}}
}

func (s site) registry(suffix string) *v1alpha1.RegistryAccess {
	return &v1alpha1.RegistryAccess{CredentialsSecretRef: &v1alpha1.SecretRef{Name: string(s) + "-registry" + suffix}}
}

// values are the Secrets of a version of the App.
func (s site) values(suffix string) []client.Object {
	return []client.Object{
		s.secret("-env"+suffix, v1alpha1.SecretEnv, map[string]string{"TOKEN": "token" + suffix}),
		s.secret("-registry"+suffix, v1alpha1.SecretRegistry, map[string]string{
			corev1.BasicAuthUsernameKey: "ann", corev1.BasicAuthPasswordKey: "password" + suffix,
		}),
	}
}

// namespaceOf returns a Namespace that the Organization of its name may have. It is made first, so that nothing waits for the operator.
func namespaceOf(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1alpha1.LabelOrganization: name}}}
}

// organizationOf returns a trusted Organization.
func organizationOf(name string) *v1alpha1.Organization {
	return &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.OrganizationSpec{Trusted: new(true)}}
}

// make makes the organization, the App and the Domain.
func (s site) make(ctx context.Context) error {
	organization := organizationOf(string(s))
	organization.Spec.Quota = corev1.ResourceList{corev1.ResourcePods: resource.MustParse("50")}
	organization.Spec.DefaultRequests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m")}
	app := &v1alpha1.App{ObjectMeta: s.named(""), Spec: v1alpha1.AppSpec{
		Image: "registry.example.com/shop/web:v1", Env: s.env("-1"), Registry: s.registry("-1"),
	}}
	password := s.secret("-mail", v1alpha1.SecretMailPassword, map[string]string{"password": "password"})
	for _, o := range append([]client.Object{namespaceOf(string(s)), organization, password}, append(s.values("-1"), app)...) {
		if err := suite.api.Create(ctx, o); err != nil {
			return err
		}
	}
	domain := &v1alpha1.Domain{ObjectMeta: s.named(""), Spec: v1alpha1.DomainSpec{
		Host: string(s) + ".example.org", AppRef: v1alpha1.AppRef{Name: string(s)},
		Mail: &v1alpha1.DomainMail{
			User: "ann@example.org", PasswordSecretRef: &v1alpha1.SecretKeyRef{Name: password.GetName(), Key: "password"},
		},
	}}
	domain.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: "App", Name: app.Name, UID: app.UID, Controller: new(true),
	}}
	return suite.api.Create(ctx, domain)
}

// change changes image, environment and login of the App, restarts it, and gives the Domain another host with a certificate of its own.
func (s site) change(ctx context.Context) error {
	host := "www-" + string(s) + ".example.org"
	chain, key, err := suite.issuer.sign(host)
	if err != nil {
		return err
	}
	bought := s.secret("-bought", v1alpha1.SecretCertificate, map[string]string{
		corev1.TLSCertKey: string(chain), corev1.TLSPrivateKeyKey: string(key),
	})
	bought.Type = corev1.SecretTypeTLS
	for _, o := range append(s.values("-2"), bought) {
		if err := suite.api.Create(ctx, o); err != nil {
			return err
		}
	}
	err = edit(ctx, &v1alpha1.App{ObjectMeta: s.named("")}, func(a *v1alpha1.App) {
		metav1.SetMetaDataAnnotation(&a.ObjectMeta, v1alpha1.AnnotationRestartedAt, "2026-01-02T03:04:05Z")
		a.Spec.Image, a.Spec.Env, a.Spec.Registry = "registry.example.com/shop/web:v2", s.env("-2"), s.registry("-2")
	})
	return errors.Join(err, edit(ctx, &v1alpha1.Domain{ObjectMeta: s.named("")}, func(d *v1alpha1.Domain) {
		d.Spec.Host = host
		d.Spec.TLS = &v1alpha1.DomainTLS{SecretRef: &v1alpha1.SecretRef{Name: bought.Name}}
	}))
}

// simplify takes from the App and the Domain what they can do without.
func (s site) simplify(ctx context.Context) error {
	err := edit(ctx, &v1alpha1.App{ObjectMeta: s.named("")}, func(a *v1alpha1.App) { a.Spec.Env, a.Spec.Registry = nil, nil })
	return errors.Join(err, edit(ctx, &v1alpha1.Domain{ObjectMeta: s.named("")}, func(d *v1alpha1.Domain) { d.Spec.TLS, d.Spec.Mail = nil, nil }))
}

// remove deletes the App, which takes the Domain along, and makes the organization none.
func (s site) remove(ctx context.Context) error {
	if err := suite.api.Delete(ctx, &v1alpha1.App{ObjectMeta: s.named("")}); err != nil {
		return err
	}
	if err := suite.api.Delete(ctx, organizationOf(string(s))); err != nil {
		return err
	}
	return edit(ctx, namespaceOf(string(s)), func(n *corev1.Namespace) { delete(n.Labels, v1alpha1.LabelOrganization) })
}

// edit changes an object as it is now.
func edit[O client.Object](ctx context.Context, o O, change func(O)) error {
	if err := suite.api.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
		return err
	}
	before, ok := o.DeepCopyObject().(client.Object)
	if !ok {
		return fmt.Errorf("%T is no object", o)
	}
	change(o)
	return suite.api.Patch(ctx, o, client.MergeFrom(before))
}

// current says what an App or a Domain still lacks until it is as it is asked to be.
func current(o interface {
	client.Object
	GetConditions() []metav1.Condition
},
) error {
	ready := meta.FindStatusCondition(o.GetConditions(), v1alpha1.ConditionReady)
	switch {
	case ready == nil:
		return fmt.Errorf("%T %s has no condition Ready", o, o.GetName())
	case ready.ObservedGeneration != o.GetGeneration():
		return fmt.Errorf("%T %s: Ready speaks of generation %d, want %d", o, o.GetName(), ready.ObservedGeneration, o.GetGeneration())
	case ready.Status != metav1.ConditionTrue:
		return fmt.Errorf("%T %s isn't ready: %s", o, o.GetName(), ready.Message)
	}
	return nil
}

// settled says what is missing until the App and its Domain are as they are asked to be.
func (s site) settled(ctx context.Context) error {
	app, domain := &v1alpha1.App{}, &v1alpha1.Domain{}
	key := client.ObjectKey{Namespace: string(s), Name: string(s)}
	if err := errors.Join(suite.api.Get(ctx, key, app), suite.api.Get(ctx, key, domain)); err != nil {
		return err
	}
	return errors.Join(current(app), current(domain))
}

// gone says what is left that goes with the App and the organization.
func (s site) gone(ctx context.Context) error {
	seen, err := look(ctx, []string{string(s)})
	if err != nil {
		return err
	}
	for _, o := range seen[string(s)] {
		if kind := o.GetKind(); kind != "Namespace" && kind != "NetworkPolicy" && kind != "ResourceQuota" && kind != "LimitRange" {
			return fmt.Errorf("%s %s is still there", kind, o.GetName())
		}
	}
	return nil
}
