// Package v1alpha1 holds the custom resources of Berth: App, one container image that runs as a service, and Domain, a host name
// that serves an App.
//
// The package is what clients import, so it depends on nothing but the standard library, apimachinery and the core API types.
//
// +kubebuilder:object:generate=true
// +kubebuilder:ac:generate=true
// +groupName=berth.dev
package v1alpha1
