// Package v1alpha1 holds the custom resources of Berth: Organization, a tenant; App, one container image that runs as a service; Domain, a
// hostname that serves an App; and HostClaim, which says who has a hostname.
//
// The package is what clients import, so it depends on nothing but the standard library, apimachinery and the core API types.
//
// +kubebuilder:object:generate=true
// +kubebuilder:ac:generate=true
// +groupName=berth.dev
package v1alpha1
