// Package objects tells what an object of the cluster is to Berth: whose it is, which hosts and Secrets it names, and how a Pod ended.
package objects

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Object is a pointer to a T that is an object.
type Object[T any] interface {
	*T
	client.Object
}

// Bare returns who an object is and who controls it.
func Bare(o metav1.Object) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name: o.GetName(), Namespace: o.GetNamespace(), UID: o.GetUID(), ResourceVersion: o.GetResourceVersion(),
		CreationTimestamp: o.GetCreationTimestamp(), DeletionTimestamp: o.GetDeletionTimestamp(), OwnerReferences: o.GetOwnerReferences(),
	}
}
