package test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// namespaces are two whose pods try to reach each other.
const namespaces = `
apiVersion: v1
kind: Namespace
metadata:
  name: inside
---
apiVersion: v1
kind: Namespace
metadata:
  name: outside
---
apiVersion: v1
kind: Service
metadata:
  name: server
  namespace: inside
spec:
  selector:
    app: server
  ports:
    - port: 80
      targetPort: 8080
`

// policyPod is a pod of the app: namespace, name, name, registry.
const policyPod = `
apiVersion: v1
kind: Pod
metadata:
  namespace: %s
  name: %s
  labels:
    app: %s
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: app
      image: %s/app:v1
      readinessProbe:
        tcpSocket:
          port: 8080
        periodSeconds: 1
`

// ownNamespace lets pods be reached from their own namespace alone.
const ownNamespace = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: own-namespace
  namespace: inside
spec:
  podSelector: {}
  policyTypes: [Ingress]
  ingress:
    - from:
        - podSelector: {}
`

// allBut lets a pod reach everything but one address.
const allBut = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: all-but
  namespace: outside
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
    - to:
        - ipBlock:
            cidr: 0.0.0.0/0
            except: [%s/32]
`

// testPolicies has pods connect as NetworkPolicies come and go.
func testPolicies(t *testing.T, c *running) {
	t.Helper()
	c.t = t
	c.mustApply(namespaces)
	server := c.policyPod("inside", "server")
	c.policyPod("inside", "client")
	c.policyPod("outside", "client")
	service := strings.TrimSpace(c.kubectl("get", "service", "server", "--namespace=inside", "--output=jsonpath={.spec.clusterIP}"))
	both := []string{server + ":8080", service + ":80", "server.inside.svc.cluster.local:80"}
	c.mustReach("inside", "open", both...)
	c.mustReach("outside", "open", both...)

	c.mustApply(ownNamespace)
	c.mustReach("outside", "closed", both...)
	c.mustReach("inside", "open", both...)

	late := c.policyPod("inside", "late")
	c.mustReach("outside", "closed", late+":8080")
	c.mustReach("inside", "open", late+":8080")

	c.kubectl("delete", "networkpolicy", "--namespace=inside", "own-namespace")
	c.mustReach("outside", "open", append(both, late+":8080")...)

	c.mustApply(fmt.Sprintf(allBut, server))
	c.mustReach("outside", "closed", both...)
	c.mustReach("outside", "open", late+":8080", "10.200.0.1:6443")
	c.mustApply(fmt.Sprintf(allBut, "10.200.0.1"))
	c.mustReach("outside", "open", server+":8080")
	c.mustReach("outside", "closed", "10.200.0.1:6443", "10.96.0.1:443", "10.200.0.1:10250")
	c.mustReach("inside", "open", "10.200.0.1:6443", "10.96.0.1:443", "10.200.0.1:10250")

	c.kubectl("delete", "namespace", "inside", "outside")
}

// policyPod makes a pod of the app and returns its address once it is ready: what asks is the node, which no policy holds back.
func (c *running) policyPod(namespace, name string) (address string) {
	c.t.Helper()
	c.mustApply(fmt.Sprintf(policyPod, namespace, name, name, c.env["REGISTRY"]))
	c.kubectl("wait", "--namespace="+namespace, "--for=condition=Ready", "pod/"+name, "--timeout=60s")
	return strings.TrimSpace(c.kubectl("get", "pod", name, "--namespace="+namespace, "--output=jsonpath={.status.podIP}"))
}

// mustReach waits until a namespace's client says of each address that it is open, or closed.
func (c *running) mustReach(namespace, want string, addresses ...string) {
	c.t.Helper()
	for _, a := range addresses {
		eventually(c.t, time.Minute, func() error {
			out, err := c.try("", "exec", "--namespace="+namespace, "client", "--", "/app", "dial", a)
			if err == nil && !strings.HasPrefix(out, want) {
				err = fmt.Errorf("from %s to %s: %s, want %s", namespace, a, strings.TrimSpace(out), want)
			}
			return err
		})
	}
}
