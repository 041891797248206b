package testobjects

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Named returns the metadata of an object.
func Named(ns, name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: ns, Name: name} }

// Amounts returns amounts of resources, from pairs of a name and an amount.
func Amounts(pairs ...string) corev1.ResourceList {
	list := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		list[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return list
}

// ControlledBy returns a Service with a controller, or without one if the kind is empty.
func ControlledBy(apiVersion, kind, name string) *corev1.Service {
	s := &corev1.Service{ObjectMeta: Named("shop", "web")}
	if kind != "" {
		s.OwnerReferences = []metav1.OwnerReference{{APIVersion: apiVersion, Kind: kind, Name: name, Controller: new(true)}}
	}
	return s
}
