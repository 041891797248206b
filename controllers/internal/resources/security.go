package resources

import (
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// securityContext returns what a container must not do, or nil for the defaults of the container runtime, with which ordinary images run: they
// start as root, change owners of files and switch to another user.
func securityContext(app *v1alpha1.App, tenant Tenant) *corev1ac.SecurityContextApplyConfiguration {
	none := app.Spec.Security != nil && app.Spec.Security.Capabilities == v1alpha1.CapabilitiesNone
	if !none && !tenant.Restricted {
		return nil
	}
	c := corev1ac.SecurityContext().
		WithAllowPrivilegeEscalation(false).
		WithCapabilities(corev1ac.Capabilities().WithDrop("ALL").WithAdd("NET_BIND_SERVICE"))
	if tenant.Restricted {
		c.WithRunAsNonRoot(true)
	}
	return c
}
