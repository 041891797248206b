package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	berthv1alpha1 "github.com/berth-dev/berth/api/v1alpha1"
)

// Addresses on the node that are not the node's: one that stands for the world outside, and those at which clouds tell their metadata.
const (
	worldAddress      = "192.0.2.1"
	metadataAddress   = "169.254.169.254"
	wireServerAddress = "168.63.129.16"
)

// The doors of the node that Apps must not get through. The API server has a Service, too.
var nodeDoors = []string{"10.96.0.1:443", "10.200.0.1:6443", "10.200.0.1:10250"}

// freeNamespace is no organization. One of its Pods listens at worldAddress, metadataAddress and wireServerAddress, one reaches everything.
const freeNamespace = `
apiVersion: v1
kind: Namespace
metadata:
  name: isolation-free
---
apiVersion: v1
kind: Pod
metadata:
  name: world
  namespace: isolation-free
spec:
  hostNetwork: true
  terminationGracePeriodSeconds: 0
  containers:
  - name: probe
    image: %[1]s
    env:
    - {name: PORT, value: "8000"}
    - {name: ADDRESSES, value: %[2]s %[3]s %[4]s}
    securityContext:
      runAsUser: 0
      capabilities: {add: [NET_ADMIN]}
---
apiVersion: v1
kind: Pod
metadata:
  name: free
  namespace: isolation-free
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
`

// prober answers whether one Pod can reach an address.
type prober struct {
	name string
	ask  func(t *testing.T, query string) (string, error)
}

// TestIsolation has Pods of two organizations, and one of none, try to reach each other, the node and the world.
func TestIsolation(t *testing.T) {
	t.Parallel()
	image := pushProbe(t)
	kubectl(t, fmt.Sprintf(freeNamespace, image, worldAddress, metadataAddress, wireServerAddress), "apply", "-f", "-")
	t.Cleanup(func() { removeNamespace(t, "isolation-free") })
	const a, b = "isolation-a", "isolation-b"
	managerOfA, managerOfB := organization(t, a), organization(t, b)
	ofA, friend := deployProbe(t, managerOfA, "probe-a", image), deployProbe(t, managerOfA, "friend-a", image)
	ofB := deployProbe(t, managerOfB, "probe-b", image)
	kubectl(t, "", "wait", "-n", "isolation-free", "--for=condition=Ready", "pod/free", "pod/world", "--timeout=60s")
	free := freeProbe("isolation-free", "free")
	apps := append(doorsOf(t, a, "probe-a"), doorsOf(t, a, "friend-a")...)
	theirs := doorsOf(t, b, "probe-b")
	world, metadata := worldAddress+":8000", []string{metadataAddress + ":8000", wireServerAddress + ":8000"}
	unguarded := podAddress(t, "isolation-free", "free") + ":8000"

	// Whoever is in no organization reaches all that is open to the world, so what A does not reach is there.
	free.mustReach(t, "open", slices.Concat(nodeDoors, metadata, []string{world, unguarded})...)
	free.mustReach(t, "closed", apps...)

	ofA.mustReach(t, "open", append(apps, world)...)
	ofA.mustReach(t, "closed", slices.Concat(nodeDoors, metadata, []string{unguarded})...)
	ofA.mustReach(t, "closed", theirs...)
	friend.mustReach(t, "open", apps...)

	ofB.mustReach(t, "open", append(theirs, world)...)
	ofB.mustReach(t, "closed", apps...)
	ofB.mustReach(t, "closed", slices.Concat(nodeDoors, metadata, []string{unguarded})...)
}

// pushProbe builds the probe and returns its image.
func pushProbe(t *testing.T) string {
	t.Helper()
	return pushTestProgram(t, "probe")
}

// pushTestProgram builds a program of testdata and returns its image, which holds nothing else. The flags are those of `cluster push`.
func pushTestProgram(t *testing.T, name string, flags ...string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), name)
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./testdata/"+name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v: %s", name, err, out)
	}
	return pushImage(t, name+":v1", binary, flags...)
}

// deployProbe makes an App of the probe and returns it, asked by way of the router.
func deployProbe(t *testing.T, c *restClient, slug, image string) prober {
	t.Helper()
	c.call(t, http.MethodPost, "", map[string]any{"slug": slug, "location": image}, http.StatusCreated, nil)
	mustBeReady(t, c.organization, slug)
	host := slug + "." + berth.Env.BaseDomain
	eventually(t, time.Minute, "the router reaches "+slug, func() (bool, string) {
		got, err := page(t.Context(), host+"/visitor")
		return err == nil, fmt.Sprint(got, err)
	})
	return prober{name: slug, ask: func(t *testing.T, query string) (string, error) {
		t.Helper()
		return page(t.Context(), host+query)
	}}
}

// freeProbe is a Pod that is in no organization, asked by way of the API server.
func freeProbe(namespace, name string) prober {
	return prober{name: name, ask: func(t *testing.T, query string) (string, error) {
		t.Helper()
		return kubectl(t, "", "get", "--raw", "/api/v1/namespaces/"+namespace+"/pods/"+name+":8000/proxy"+query), nil
	}}
}

func podAddress(t *testing.T, namespace, name string) string {
	t.Helper()
	var pod corev1.Pod
	if err := berth.Client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, &pod); err != nil {
		t.Fatal(err)
	}
	return pod.Status.PodIP
}

// doorsOf are the ways to an App in the cluster: its Pods' addresses, its Service's address and name.
func doorsOf(t *testing.T, namespace, slug string) []string {
	t.Helper()
	var service corev1.Service
	if err := berth.Client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: slug}, &service); err != nil {
		t.Fatal(err)
	}
	doors := []string{service.Spec.ClusterIP + ":80", slug + "." + namespace + ".svc.cluster.local:80"}
	var pods corev1.PodList
	ofApp := client.MatchingLabels{berthv1alpha1.LabelApp: slug}
	if err := berth.Client.List(t.Context(), &pods, client.InNamespace(namespace), ofApp); err != nil {
		t.Fatal(err)
	}
	for _, p := range pods.Items {
		doors = append(doors, fmt.Sprintf("%s:%d", p.Status.PodIP, p.Spec.Containers[0].Ports[0].ContainerPort))
	}
	if len(doors) < 3 {
		t.Fatalf("%s has no Pod: %q", slug, doors)
	}
	return doors
}

// mustReach waits until the Pod says of each address that it is open, or closed.
func (p prober) mustReach(t *testing.T, want string, addresses ...string) {
	t.Helper()
	for _, address := range addresses {
		eventually(t, 30*time.Second, fmt.Sprintf("%s finds %s %s", p.name, address, want), func() (bool, string) {
			got, err := p.ask(t, "/dial?address="+url.QueryEscape(address))
			return err == nil && strings.HasPrefix(got, want), fmt.Sprint(got, err)
		})
	}
}

func removeNamespace(t *testing.T, name string) {
	t.Helper()
	ns := &corev1.Namespace{}
	ns.Name = name
	if err := berth.Client.Delete(context.Background(), ns); err != nil {
		t.Error(err)
	}
}
