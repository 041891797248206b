package controllers

import (
	"context"
	"fmt"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/metrics"
)

// showState has Prometheus see, until ctx ends, how what the controllers look after is doing.
func showState(ctx context.Context, mgr manager.Manager) error {
	state := &metrics.State{Elected: mgr.Elected()}
	for object, list := range map[client.Object]*metrics.Lister{
		&v1alpha1.App{}: &state.Apps, &v1alpha1.Domain{}: &state.Domains,
		&cmv1.Certificate{}: &state.Certificates, &corev1.Secret{}: &state.Secrets,
	} {
		informer, err := mgr.GetCache().GetInformer(ctx, object, cache.BlockUntilSynced(false))
		if err != nil {
			return fmt.Errorf("watch %T: %w", object, err)
		}
		stored, ok := informer.(interface{ GetStore() toolscache.Store })
		if !ok {
			return fmt.Errorf("the cache of %T can't be read as a whole", object)
		}
		*list = stored.GetStore()
	}
	if err := ctrlmetrics.Registry.Register(state); err != nil {
		return fmt.Errorf("register the metrics of Apps and Domains: %w", err)
	}
	context.AfterFunc(ctx, func() { ctrlmetrics.Registry.Unregister(state) })
	metrics.Built()
	return nil
}
