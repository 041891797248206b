package objects

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// APIServer is the name of the Service through which Pods reach the API server, in the Namespace default.
const APIServer = "kubernetes"

// IsAPIServer reports whether an object is the Service of the API server.
func IsAPIServer(o metav1.Object) bool {
	return o.GetNamespace() == metav1.NamespaceDefault && o.GetName() == APIServer
}
