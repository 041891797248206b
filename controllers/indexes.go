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
	"github.com/berth-dev/berth/controllers/internal/objects"
	"github.com/berth-dev/berth/controllers/internal/watches"
	orphancontroller "github.com/berth-dev/berth/controllers/orphan"
	"github.com/berth-dev/berth/internal/host"
)

func addIndexes(ctx context.Context, indexer client.FieldIndexer, baseDomain string) error {
	for _, kind := range orphancontroller.Kinds() {
		if err := indexer.IndexField(ctx, kind.Object, watches.IndexOrphaned, byOrphaned); err != nil {
			return err
		}
	}
	for _, i := range []struct {
		obj   client.Object
		field string
		keys  client.IndexerFunc
	}{
		{&v1alpha1.App{}, watches.IndexHost, func(o client.Object) []string { return []string{host.Default(o.GetName(), baseDomain)} }},
		{&v1alpha1.App{}, watches.IndexSecret, objects.SecretNames},
		{&v1alpha1.Domain{}, watches.IndexHost, byDomain(func(s v1alpha1.DomainSpec) string { return s.Host })},
		{&v1alpha1.Domain{}, watches.IndexSecret, objects.SecretNames},
		{&networkingv1.Ingress{}, watches.IndexHost, objects.ForeignHostsOf},
		{&networkingv1.Ingress{}, watches.IndexRoute, objects.RouteHostsOf},
		{&v1alpha1.HostClaim{}, watches.IndexOrganization, objects.ClaimOrganization},
		{&v1alpha1.HostClaim{}, watches.IndexRequester, requesters},
		{&v1alpha1.HostClaim{}, watches.IndexParent, func(o client.Object) []string { return []string{host.Parent(o.GetName())} }},
		{&v1alpha1.Domain{}, watches.IndexUID, func(o client.Object) []string { return []string{string(o.GetUID())} }},
		{&v1alpha1.Domain{}, watches.IndexApp, byDomain(func(s v1alpha1.DomainSpec) string { return s.AppRef.Name })},
		{&corev1.Pod{}, watches.IndexApp, appLabel},
		{&appsv1.ReplicaSet{}, watches.IndexApp, appLabel},
		{&appsv1.ReplicaSet{}, watches.IndexSecret, objects.SecretNames},
		{&cmv1.CertificateRequest{}, watches.IndexController, controllerUID},
		{&acmev1.Order{}, watches.IndexController, controllerUID},
		{&acmev1.Challenge{}, watches.IndexController, controllerUID},
	} {
		if err := indexer.IndexField(ctx, i.obj, i.field, i.keys); err != nil {
			return err
		}
	}
	return nil
}

func requesters(o client.Object) []string {
	all := objects.ClaimOrganization(o)
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

func byOrphaned(o client.Object) []string {
	if objects.IsOrphaned(o) {
		return []string{orphancontroller.Orphaned}
	}
	return nil
}
