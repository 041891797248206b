// Package chaos tests what becomes of Apps and Domains when operator, facade, API server and etcd fail in the middle of their work.
//
// It needs etcd, kube-apiserver and kube-controller-manager in the folder that KUBEBUILDER_ASSETS names; `make chaos` sets it. All chance comes
// from a seed, which is printed and can be given, so that the same requests meet the same faults again as far as the machine's own timing lets them.
package chaos
