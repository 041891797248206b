package e2e

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// unguarded are two Pods and a Service of a Namespace that is no organization and has no NetworkPolicy, as many of a platform's do.
const unguarded = `
apiVersion: v1
kind: Namespace
metadata: {name: egress-platform}
---
apiVersion: v1
kind: Pod
metadata: {name: store, namespace: egress-platform, labels: {app: store}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: probe
    image: %[1]s
    env:
    - {name: PORT, value: "8000"}
    readinessProbe:
      httpGet: {path: /visitor, port: 8000}
      periodSeconds: 1
---
apiVersion: v1
kind: Pod
metadata: {name: neighbour, namespace: egress-platform}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: probe
    image: %[1]s
    env:
    - {name: PORT, value: "8000"}
    readinessProbe:
      httpGet: {path: /visitor, port: 8000}
      periodSeconds: 1
---
apiVersion: v1
kind: Service
metadata: {name: store, namespace: egress-platform}
spec:
  selector: {app: store}
  ports:
  - {port: 80, targetPort: 8000}
`

// S10: a Pod of a tenant does not reach Pods of other Namespaces, whether or not something guards them, unless its Organization allows that.
func TestHostileEgress(t *testing.T) {
	t.Parallel()
	const org, other = "egress-rival", "egress-victim"
	image := pushProbe(t)
	kubectl(t, fmt.Sprintf(unguarded, image), "apply", "-f", "-")
	t.Cleanup(func() { removeNamespace(t, "egress-platform") })
	attacker := deployProbe(t, strangers(t, org, ""), "egress-probe", image)
	deployProbe(t, strangers(t, other, ""), "egress-shop", image)
	kubectl(t, "", "wait", "-n", "egress-platform", "--for=condition=Ready", "pod/store", "pod/neighbour", "--timeout=60s")
	var service corev1.Service
	if err := berth.Client.Get(t.Context(), client.ObjectKey{Namespace: "egress-platform", Name: "store"}, &service); err != nil {
		t.Fatal(err)
	}
	store := []string{
		podAddress(t, "egress-platform", "store") + ":8000", service.Spec.ClusterIP + ":80", "store.egress-platform.svc.cluster.local:80",
	}

	// What the attacker does not reach is there.
	freeProbe("egress-platform", "neighbour").mustReach(t, "open", store...)
	attacker.mustReach(t, "closed", store...)
	attacker.mustReach(t, "closed", doorsOf(t, other, "egress-shop")...)
	attacker.mustReach(t, "open", doorsOf(t, org, "egress-probe")...)

	allow := func(namespaces string) {
		kubectl(t, "", "patch", "organization", org, "--type=merge", "-p", `{"spec":{"egress":{"allowedNamespaces":`+namespaces+`}}}`)
	}
	allow(`["egress-platform"]`)
	attacker.mustReach(t, "open", store...)
	attacker.mustReach(t, "closed", doorsOf(t, other, "egress-shop")...)
	allow(`[]`)
	attacker.mustReach(t, "closed", store...)
}
