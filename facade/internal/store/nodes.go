package store

import (
	"context"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/internal/nodeaddr"
)

// +kubebuilder:rbac:groups="",resources=nodes,verbs=list;watch

// NodeNetworks returns the addresses of all nodes and the networks of their Pods.
func (s *Store) NodeNetworks(ctx context.Context) ([]netip.Prefix, error) {
	var nodes corev1.NodeList
	if err := s.cache.List(ctx, &nodes, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	var found []netip.Prefix
	for i := range nodes.Items {
		found = append(found, nodeaddr.Of(&nodes.Items[i])...)
	}
	return found, nil
}

func keepOfNode(object any) (any, error) {
	if node, ok := object.(*corev1.Node); ok {
		return nodeaddr.Keep(node), nil
	}
	return object, nil
}
