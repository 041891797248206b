package controllers

import (
	"context"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/host"
)

// Indexes of the cache, by which objects are found without looking at all of them.
const (
	// indexHost finds Apps by their default host, Domains by their host, and Ingresses that are not Berth's by their hosts.
	indexHost = "berth.host"
	// indexApp finds Domains by the App that they name, and Pods and ReplicaSets by the App that they belong to.
	indexApp = "berth.app"
	// indexSecret finds Apps and ReplicaSets by the Secrets that their environment names, Apps by the one with the login for their registry, and
	// Domains by those that they name.
	indexSecret = "berth.secret"
	// indexUID finds the Domain that a label names.
	indexUID = "berth.uid"
	// indexOrganization finds HostClaims by the organization that has the host.
	indexOrganization = "berth.organization"
	// indexRequester finds HostClaims by the organizations that requested certificates for the host: the one that has it, and those that had it.
	indexRequester = "berth.requester"
	// indexController finds what cert-manager makes by the UID of what controls it.
	indexController = "berth.controller"
	// indexParent finds HostClaims by the domain that the host is directly below, as a wildcard of a certificate covers it.
	indexParent = "berth.parent"
	// indexRoute finds Berth's Ingresses by their hosts.
	indexRoute = "berth.route"
	// indexOrphaned finds orphaned objects, all of them by the key orphaned.
	indexOrphaned = "berth.orphaned"
)

func addIndexes(ctx context.Context, indexer client.FieldIndexer, baseDomain string) error {
	for _, kind := range orphanKinds() {
		if err := indexer.IndexField(ctx, kind.object, indexOrphaned, byOrphaned); err != nil {
			return err
		}
	}
	for _, i := range []struct {
		obj   client.Object
		field string
		keys  client.IndexerFunc
	}{
		{&v1alpha1.App{}, indexHost, func(o client.Object) []string { return []string{host.Default(o.GetName(), baseDomain)} }},
		{&v1alpha1.App{}, indexSecret, secretNames},
		{&v1alpha1.Domain{}, indexHost, byDomain(func(s v1alpha1.DomainSpec) string { return s.Host })},
		{&v1alpha1.Domain{}, indexSecret, secretNames},
		{&networkingv1.Ingress{}, indexHost, foreignHostsOf},
		{&networkingv1.Ingress{}, indexRoute, routeHostsOf},
		{&v1alpha1.HostClaim{}, indexOrganization, claimOrganization},
		{&v1alpha1.HostClaim{}, indexRequester, requesters},
		{&v1alpha1.HostClaim{}, indexParent, func(o client.Object) []string { return []string{host.Parent(o.GetName())} }},
		{&v1alpha1.Domain{}, indexUID, func(o client.Object) []string { return []string{string(o.GetUID())} }},
		{&v1alpha1.Domain{}, indexApp, byDomain(func(s v1alpha1.DomainSpec) string { return s.AppRef.Name })},
		{&corev1.Pod{}, indexApp, appLabel},
		{&appsv1.ReplicaSet{}, indexApp, appLabel},
		{&appsv1.ReplicaSet{}, indexSecret, secretNames},
		{&cmv1.CertificateRequest{}, indexController, controllerUID},
		{&acmev1.Order{}, indexController, controllerUID},
		{&acmev1.Challenge{}, indexController, controllerUID},
	} {
		if err := indexer.IndexField(ctx, i.obj, i.field, i.keys); err != nil {
			return err
		}
	}
	return nil
}

// indexed lists the objects of a Namespace, or of all of them if it is empty, that an index has under a key. It doesn't wait for writes
// of other workers to arrive in the cache, since none of them changes what the indexes are made of.
func indexed(ctx context.Context, c client.Reader, list client.ObjectList, namespace, index, key string) error {
	return c.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{index: key}, client.DisableReadYourWritesConsistency)
}

func claimOrganization(o client.Object) []string {
	claim, ok := o.(*v1alpha1.HostClaim)
	if !ok || claim.Spec.Organization == "" {
		return nil
	}
	return []string{claim.Spec.Organization}
}

func requesters(o client.Object) []string {
	all := claimOrganization(o)
	if claim, ok := o.(*v1alpha1.HostClaim); ok {
		for _, f := range claim.Status.FormerRequests {
			all = append(all, f.Organization)
		}
	}
	return all
}

func byDomain(key func(v1alpha1.DomainSpec) string) client.IndexerFunc {
	return func(o client.Object) []string {
		domain, ok := o.(*v1alpha1.Domain)
		if !ok {
			return nil
		}
		return []string{key(domain.Spec)}
	}
}

func controllerUID(o client.Object) []string {
	if ref := metav1.GetControllerOfNoCopy(o); ref != nil {
		return []string{string(ref.UID)}
	}
	return nil
}

func appLabel(o client.Object) []string {
	if app, ok := o.GetLabels()[v1alpha1.LabelApp]; ok {
		return []string{app}
	}
	return nil
}

// secretNames returns the names of the Secrets that a Domain, an App, or the environment of a ReplicaSet names.
func secretNames(o client.Object) []string {
	var found []string
	switch o := o.(type) {
	case *v1alpha1.App:
		for _, e := range o.Spec.Env {
			if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
				found = append(found, e.ValueFrom.SecretKeyRef.Name)
			}
		}
		if r := o.Spec.Registry; r != nil && r.CredentialsSecretRef != nil {
			found = append(found, r.CredentialsSecretRef.Name)
		}
	case *appsv1.ReplicaSet:
		found = namedByPods(&o.Spec.Template.Spec)
	case *v1alpha1.Domain:
		found = namedByDomain(o)
	}
	return found
}

func namedByPods(spec *corev1.PodSpec) []string {
	var found []string
	for _, c := range spec.Containers {
		for _, e := range c.Env {
			if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
				found = append(found, e.ValueFrom.SecretKeyRef.Name)
			}
		}
	}
	return found
}

func namedByDomain(d *v1alpha1.Domain) []string {
	var found []string
	if tls := d.Spec.TLS; tls != nil && tls.SecretRef != nil {
		found = append(found, tls.SecretRef.Name)
	}
	if mail := d.Spec.Mail; mail != nil && mail.PasswordSecretRef != nil {
		found = append(found, mail.PasswordSecretRef.Name)
	}
	return found
}
