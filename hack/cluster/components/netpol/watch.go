package main

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// objects are all that decides about packets.
type objects struct {
	policies   []*networkingv1.NetworkPolicy
	namespaces []*corev1.Namespace
	pods       []*corev1.Pod
}

// watch calls write with the cluster's objects as soon as all are known and after they have changed, until ctx ends, which is no error,
// or write fails. Changes that come while it writes are written together.
func watch(ctx context.Context, client kubernetes.Interface, write func(objects) error) error {
	factory := informers.NewSharedInformerFactory(client, 0)
	policies, namespaces, pods := factory.Networking().V1().NetworkPolicies(), factory.Core().V1().Namespaces(), factory.Core().V1().Pods()
	changed := make(chan struct{}, 1)
	note := func() {
		select {
		case changed <- struct{}{}:
		default: // One is waiting already.
		}
	}
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { note() }, UpdateFunc: func(any, any) { note() }, DeleteFunc: func(any) { note() },
	}
	for _, i := range []cache.SharedIndexInformer{policies.Informer(), namespaces.Informer(), pods.Informer()} {
		if _, err := i.AddEventHandler(handler); err != nil {
			return err
		}
	}
	factory.StartWithContext(ctx)
	// Rules out of half of the objects would let through what they must not.
	factory.WaitForCacheSyncWithContext(ctx)
	note()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
		var o objects
		var errs [3]error
		o.policies, errs[0] = policies.Lister().List(labels.Everything())
		o.namespaces, errs[1] = namespaces.Lister().List(labels.Everything())
		o.pods, errs[2] = pods.Lister().List(labels.Everything())
		if err := errors.Join(errs[:]...); err != nil {
			return err
		}
		if err := write(o); err != nil && ctx.Err() == nil {
			return err
		}
	}
}
