package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/hack/dev/stack"
)

// The tests of this file replace Berth's own Pods. They run by themselves, before those that say t.Parallel: what these measure is another's
// downtime.

// TestFacadeIsReplaced has clients call the facade while all of its Pods are replaced, and while one is taken away.
func TestFacadeIsReplaced(t *testing.T) {
	organization(t, "roll-org")
	// Else all would call one Pod: they have one address.
	affinity(t, "None")
	all := callAll(t, "roll-org")
	before := ownPods(t, "berth-facade")
	kubectl(t, "", "rollout", "restart", "deployment/berth-facade", "-n", stack.Namespace)
	now := awaitTwo(t, "berth-facade")
	if slices.ContainsFunc(now, func(p string) bool { return slices.Contains(before, p) }) {
		t.Errorf("of the Pods %q, some are left: %q", before, now)
	}
	mustNotHaveNoticed(t, "a rollout", all)

	kubectl(t, "", "delete", "pod", now[0], "-n", stack.Namespace)
	awaitTwo(t, "berth-facade")
	mustNotHaveNoticed(t, "a Pod that goes", all)
	affinity(t, "ClientIP")
}

// affinity says whether connections from one address lead to one Pod of the facade.
func affinity(t *testing.T, kind string) {
	t.Helper()
	patch := fmt.Sprintf(`{"spec": {"sessionAffinity": %q}}`, kind)
	kubectl(t, "", "patch", "service", "berth-facade", "-n", stack.Namespace, "--type=merge", "-p", patch)
}

// awaitTwo waits until one of Berth's Deployments has two Pods and no other, and returns their names.
func awaitTwo(t *testing.T, deployment string) (names []string) {
	t.Helper()
	kubectl(t, "", "rollout", "status", "deployment/"+deployment, "-n", stack.Namespace, "--timeout=5m")
	eventually(t, time.Minute, "two Pods of "+deployment, func() (bool, string) {
		names = ownPods(t, deployment)
		return len(names) == 2, strings.Join(names, " ")
	})
	return names
}

// ownPods are the names of the Pods of one of Berth's Deployments, those on their way out included.
func ownPods(t *testing.T, deployment string) []string {
	t.Helper()
	var list corev1.PodList
	labelled := client.MatchingLabels{"app.kubernetes.io/name": deployment}
	if err := berth.Client.List(t.Context(), &list, client.InNamespace(stack.Namespace), labelled); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range list.Items {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	return names
}

// TestOperatorTakesOver takes away the Pod that works and has the other one carry out what is changed meanwhile.
func TestOperatorTakesOver(t *testing.T) {
	manager := organization(t, "lead-org")
	manager.call(t, http.MethodPost, "", map[string]any{"slug": "lead-app", "location": push(t, "lead:v1")}, http.StatusCreated, nil)
	manager.call(t, http.MethodPost, "", map[string]any{"slug": "lead-other", "location": push(t, "lead:v1")}, http.StatusCreated, nil)
	mustBeReady(t, "lead-org", "lead-app")
	mustBeReady(t, "lead-org", "lead-other")
	leader, transitions := leaderOf(t)
	before, generation := children(t, "lead-org"), deployment(t, "lead-org", "lead-app").Generation

	began := time.Now()
	if err := berth.Client.Delete(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: stack.Namespace, Name: leader}}); err != nil {
		t.Fatal(err)
	}
	manager.call(t, http.MethodPut, "lead-app/", map[string]any{"env": []env{{Name: "GREETING", Value: "Good night"}}}, http.StatusOK, nil)
	// A Lease that isn't given up is another's after 15 seconds at the earliest.
	eventually(t, 12*time.Second, "another Pod leads", func() (bool, string) {
		now, _ := leaderOf(t)
		return now != "" && now != leader, now
	})
	t.Logf("another Pod leads after %s", time.Since(began).Round(time.Millisecond))
	waitForPage(t, "lead-app."+berth.Env.BaseDomain, "Good night")
	mustBeReady(t, "lead-org", "lead-app")
	t.Logf("the change is carried out after %s", time.Since(began).Round(time.Millisecond))

	// The change was applied once, and nothing else at all.
	if got := deployment(t, "lead-org", "lead-app").Generation; got != generation+1 {
		t.Errorf("the Deployment went from generation %d to %d", generation, got)
	}
	for name, version := range children(t, "lead-org") {
		if before[name] != version {
			t.Errorf("%s went from version %s to %s", name, before[name], version)
		}
	}
	if _, now := leaderOf(t); now != transitions+1 {
		t.Errorf("the lead went from hand to hand %d times", now-transitions)
	}
	awaitTwo(t, "berth-operator")
}

// leaderOf is the operator's Pod that works, empty if none does, and how often the lead has changed.
func leaderOf(t *testing.T) (pod string, transitions int32) {
	t.Helper()
	var lease coordinationv1.Lease
	if err := berth.Client.Get(t.Context(), client.ObjectKey{Namespace: stack.Namespace, Name: "berth-operator"}, &lease); err != nil {
		t.Fatal(err)
	}
	pod, _, _ = strings.Cut(ptr.Deref(lease.Spec.HolderIdentity, ""), "_")
	return pod, ptr.Deref(lease.Spec.LeaseTransitions, 0)
}

// children are the versions of what the operator has made in a Namespace and nobody else writes.
func children(t *testing.T, namespace string) map[string]string {
	t.Helper()
	all := map[string]string{}
	out := kubectl(t, "", "get", "services,ingresses,networkpolicies,rolebindings", "-n", namespace, "-o",
		`jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.resourceVersion}{"\n"}{end}`)
	for line := range strings.Lines(out) {
		name, version, _ := strings.Cut(strings.TrimSpace(line), " ")
		all[name] = version
	}
	if len(all) < 6 {
		t.Fatalf("there is too little to look at: %v", all)
	}
	return all
}

// TestBothReplicas asks each Pod of the facade by itself.
func TestBothReplicas(t *testing.T) {
	addresses := facadeAddresses(t)
	const description = "asks both replicas"
	key, err := berth.Berthctl(t.Context(), "apikey", "create", "--org", stack.Organization, "--role", "contributor", "--description", description)
	if err != nil {
		t.Fatal(err)
	}
	c := &restClient{organization: stack.Organization, key: key}
	mustAnswer(t, c, addresses, http.StatusOK)
	if _, err := berth.Berthctl(t.Context(), "apikey", "revoke", idOf(t, description)); err != nil {
		t.Fatal(err)
	}
	mustAnswer(t, c, addresses, http.StatusUnauthorized)
	mustSignIn(t, addresses)
}

// mustAnswer waits until all replicas answer so.
func mustAnswer(t *testing.T, c *restClient, addresses []string, want int) {
	t.Helper()
	began := time.Now()
	for _, address := range addresses {
		eventually(t, time.Minute, fmt.Sprintf("%s answers %d", address, want), func() (bool, string) {
			got, err := c.statusAt(t, address)
			return got == want, fmt.Sprint(got, " ", err)
		})
	}
	t.Logf("both answer %d within %s", want, time.Since(began).Round(time.Millisecond))
}

// idOf is the id of the key that has a description.
func idOf(t *testing.T, description string) string {
	t.Helper()
	listed, err := berth.Berthctl(t.Context(), "apikey", "list", "--org", stack.Organization, "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	var keys []struct{ ID, Description string }
	if err := json.Unmarshal([]byte(listed), &keys); err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if k.Description == description {
			return k.ID
		}
	}
	t.Fatalf("no key %q is listed", description)
	return ""
}

// statusAt is what one Pod answers to a request for the organization's apps.
func (c *restClient) statusAt(t *testing.T, address string) (int, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/api/containers/"+c.organization+"/apps/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(c.key, "")
	res, err := httpClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	return res.StatusCode, nil
}

// facadeAddresses are addresses on loopback of each of the facade's Pods.
func facadeAddresses(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pod := range awaitTwo(t, "berth-facade") {
		port, err := berth.ForwardFacade(t.Context(), pod)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("127.0.0.1:%d", port))
	}
	return all
}

// mustSignIn signs somebody in by a browser whose requests go to one replica after the other.
func mustSignIn(t *testing.T, replicas []string) {
	t.Helper()
	profile, err := url.Parse(berth.Env.ProfileURL)
	if err != nil {
		t.Fatal(err)
	}
	var connections atomic.Int64
	tr := transport(t, berth.Env.CA, berth.Identity().CA)
	tr.DisableKeepAlives = true
	tr.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == profile.Host {
			return (&net.Dialer{}).DialContext(ctx, network, replicas[connections.Add(1)%2])
		}
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		// The identity provider's name is one below localhost, which browsers know without DNS.
		return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Transport: tr, Jar: jar}
	password, err := os.ReadFile(berth.Env.PasswordFile)
	if err != nil {
		t.Fatal(err)
	}
	form, _ := visitPage(t, browser, http.MethodGet, berth.Env.ProfileURL+"sign-in", nil)
	login := url.Values{"login": {stack.Manager}, "password": {strings.TrimSpace(string(password))}}
	_, shown := visitPage(t, browser, http.MethodPost, form, login)
	_, again := visitPage(t, browser, http.MethodGet, berth.Env.ProfileURL, nil)
	for _, page := range []string{shown, again} {
		if !strings.Contains(page, stack.Manager) {
			t.Errorf("whoever signed in by two replicas isn't known to one of them: %.200q", page)
		}
	}
	if got := connections.Load(); got < 4 {
		t.Errorf("the replicas were asked %d times", got)
	}
}

// visitPage follows what leads on and returns where that ends, and what is there.
func visitPage(t *testing.T, browser *http.Client, method, address string, form url.Values) (where, what string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := browser.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: status %s", method, address, res.Status)
	}
	return res.Request.URL.String(), string(text)
}
