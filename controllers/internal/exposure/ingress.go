package exposure

import (
	"context"
	"slices"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/controllers/internal/ssa"
)

// ingressRouter routes by Ingresses.
type ingressRouter struct {
	client   client.Client
	platform resources.Platform
}

// Route applies the Ingress of a site.
func (r ingressRouter) Route(ctx context.Context, owner metav1.Object, site resources.Site, secret string) error {
	want := resources.Ingress(site, secret, r.platform)
	return ssa.Apply(ctx, r.client, owner, want, &networkingv1.Ingress{}, networkingv1ac.ExtractIngress)
}

// Serves reads the Ingress of a site.
func (r ingressRouter) Serves(ctx context.Context, owner metav1.Object, site resources.Site) (string, time.Time, error) {
	ingress := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: site.Namespace, Name: site.Route}}
	has, err := ssa.Has(ctx, r.client, owner, ingress)
	if err != nil || !has {
		return "", time.Time{}, err
	}
	for _, tls := range ingress.Spec.TLS {
		if slices.Contains(tls.Hosts, site.Host) {
			return tls.SecretName, ssa.AppliedAt(ingress), nil
		}
	}
	return "", time.Time{}, nil
}

// RoutedSince reads when the Ingress of a site was made.
func (r ingressRouter) RoutedSince(ctx context.Context, owner metav1.Object, site resources.Site) (time.Time, error) {
	ingress := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: site.Namespace, Name: site.Route}}
	if has, err := ssa.Has(ctx, r.client, owner, ingress); err != nil || !has {
		return time.Time{}, err
	}
	return ingress.GetCreationTimestamp().Time, nil
}

// Unroute deletes the Ingress of a site.
func (r ingressRouter) Unroute(ctx context.Context, owner metav1.Object, site resources.Site) error {
	ingress := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: site.Namespace, Name: site.Route}}
	return ssa.Prune(ctx, r.client, owner, ingress, "")
}
