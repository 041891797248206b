package facade

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/limit"
	"github.com/berth-dev/berth/internal/apikey"
	"github.com/berth-dev/berth/internal/policy"
)

// limitRequests sets how many requests and followers an organization may have, and waits for the server to know.
func limitRequests(t *testing.T, organization string, perSecond, followers int32) {
	t.Helper()
	org := &v1alpha1.Organization{}
	if err := suite.cluster.Get(t.Context(), client.ObjectKey{Name: organization}, org); err != nil {
		t.Fatal(err)
	}
	org.Spec.Limits = &v1alpha1.OrganizationLimits{RequestsPerSecond: &perSecond, LogFollowers: &followers}
	if err := suite.cluster.Update(t.Context(), org); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server knows the limits", func() bool {
		return policy.LogFollowers(suite.server.store.Policy(t.Context(), organization)) == int(followers)
	})
}

// TestOrganizationLimit says that many keys of an organization have no more than its share together, and that nobody else uses it up.
func TestOrganizationLimit(t *testing.T) {
	org, key := organization(t)
	second := member(t, apikey.RoleContributor, org)
	other, stranger := organization(t)
	limitRequests(t, org, 1, 1)
	for range 20 {
		call(t, stranger, http.MethodGet, appsPath(org), nil).want(t, http.StatusNotFound)
	}
	call(t, key, http.MethodGet, appsPath(org), nil).want(t, http.StatusOK)
	refused := 0
	for range 10 {
		for _, k := range []string{key, second} {
			if got := call(t, k, http.MethodGet, appsPath(org), nil); got.status != http.StatusOK {
				wantWait(t, got)
				refused++
			}
		}
	}
	if refused == 0 {
		t.Error("21 requests at once are served, of an organization that may make 2")
	}
	call(t, stranger, http.MethodGet, appsPath(other), nil).want(t, http.StatusOK)
}

// TestFollowerLimit says that only so many clients follow logs of an organization, and that one who goes makes room.
func TestFollowerLimit(t *testing.T) {
	org, slug, key := loggingApp(t)
	limitRequests(t, org, 1000, 1)
	path := appPath(org, slug) + "logs/?follow=true"
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, suite.url+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(key, "")
	response, err := suite.transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	wantWait(t, call(t, key, http.MethodGet, path, nil))
	call(t, key, http.MethodGet, appPath(org, slug)+"logs/", nil).want(t, http.StatusOK)
	cancel()
	for range 3 { // A HEAD, whose answer is not streamed, gives its place back as well.
		eventually(t, "there is room again", func() bool {
			again, err := http.NewRequestWithContext(t.Context(), http.MethodHead, suite.url+path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			again.SetBasicAuth(key, "")
			answer, err := suite.transport.RoundTrip(again)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			return answer.StatusCode == http.StatusOK
		})
	}
}

// TestFollowedPodsAreBounded says that a client is told of a Pod that is not followed since too many are, also without other notes, and that the Pod is
// followed when there is room.
func TestFollowedPodsAreBounded(t *testing.T) {
	org, slug, key := loggingApp(t)
	limitRequests(t, org, 1000, 1)
	node := newKubelet(t)
	for i := range streamsEach + 1 {
		newPod(t, org, slug, fmt.Sprintf("web-%d", i), node.node, corev1.ContainerStatus{State: runningState()})
	}
	f := follow(t, key, appPath(org, slug)+"logs/?follow=true&tail=0&notes=false")
	await := func(part string) string {
		t.Helper()
		for {
			select {
			case got, open := <-f.lines:
				if !open {
					t.Fatal("it ends")
				}
				if strings.Contains(got, part) {
					return got
				}
			case <-time.After(30 * time.Second):
				t.Fatalf("there is no line with %q", part)
			}
		}
	}
	note := await("is not followed yet")
	left, _, _ := strings.Cut(strings.TrimPrefix(note, "["), " ")
	if !strings.Contains(note, "spec.limits.logFollowers") {
		t.Errorf("the note does not say what to do: %s", note)
	}
	node.print(t, left, 1, "from the Pod that was left")
	other := "web-0"
	if left == other {
		other = "web-1"
	}
	node.end(other)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: org, Name: other}}
	if err := suite.cluster.Delete(t.Context(), pod, client.GracePeriodSeconds(0)); err != nil {
		t.Fatal(err)
	}
	await("from the Pod that was left")
}

// TestCountedBody says that bodies of one organization take no more memory than its share, that each takes what was read of it, and that they give it back.
func TestCountedBody(t *testing.T) {
	var bodies limit.Slots
	body := func(who string, size int) *countedBody {
		return &countedBody{
			ReadCloser: io.NopCloser(bytes.NewReader(make([]byte, size))),
			take:       func() (func(), bool) { return bodies.Take(who, bodyStep, 3*bodyStep) },
		}
	}
	first, second, other := body("acme", 2*bodyStep-1), body("acme", bodyStep+1), body("rival", 3*bodyStep-1)
	if read, err := io.ReadAll(first); err != nil || len(read) != 2*bodyStep-1 {
		t.Fatalf("the first: read %d, %v", len(read), err)
	}
	_, err := io.ReadAll(second)
	if refused, ok := errors.AsType[*apierr.Error](err); !ok || refused.Status != http.StatusTooManyRequests {
		t.Errorf("one that is too much: got %v, want the 429", err)
	}
	if _, err := io.ReadAll(other); err != nil {
		t.Errorf("another organization's: %v", err)
	}
	first.release()
	second.release()
	if _, err := io.ReadAll(body("acme", 3*bodyStep-1)); err != nil {
		t.Errorf("after the others have ended: %v", err)
	}
}

// TestKeysOfAnOrganization says that an organization that is not trusted has so many private keys generated within a time, and no other waits.
func TestKeysOfAnOrganization(t *testing.T) {
	org, slug, key := loggingApp(t)
	limitRequests(t, org, 1000, 1)
	path := domainPath(org, slug) + "newcert/?algorithm=ecdsa"
	for range keysAtOnce {
		call(t, key, http.MethodPost, path, nil).want(t, http.StatusCreated)
	}
	var last answer
	for range 5 {
		if last = call(t, key, http.MethodPost, path, nil); last.status != http.StatusCreated {
			break
		}
	}
	wantWait(t, last)
	other, otherSlug, otherKey := loggingApp(t)
	call(t, otherKey, http.MethodPost, domainPath(other, otherSlug)+"newcert/?algorithm=ecdsa", nil).want(t, http.StatusCreated)
}

// TestLogsOfAnOrganization says that an organization that is not trusted reads so many logs within a time, and no other waits.
func TestLogsOfAnOrganization(t *testing.T) {
	org, slug, key := loggingApp(t)
	limitRequests(t, org, 1000, 1)
	path := appPath(org, slug) + "logs/"
	var last answer
	for range 20 * logsPerSecond {
		if last = call(t, key, http.MethodGet, path, nil); last.status != http.StatusOK {
			break
		}
	}
	wantWait(t, last)
	other, otherSlug, otherKey := loggingApp(t)
	call(t, otherKey, http.MethodGet, appPath(other, otherSlug)+"logs/", nil).want(t, http.StatusOK)
}

// TestSlowBodiesOfAnOrganization says that clients which begin large bodies and never end them use up the share of their own organization only.
func TestSlowBodiesOfAnOrganization(t *testing.T) {
	org, slug, key := loggingApp(t)
	other, otherKey := organization(t)
	head := fmt.Sprintf("PUT %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1900000\r\n", appPath(org, slug))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, suite.url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(key, "")
	head += "Authorization: " + request.Header.Get("Authorization") + "\r\n\r\n"
	config := suite.transport.TLSClientConfig.Clone()
	config.NextProtos = nil // HTTP/1.1
	for range maxBodies/1_800_000 + 2 {
		connection, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", strings.TrimPrefix(suite.url, "https://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = connection.Close() })
		if _, err := io.WriteString(connection, head+strings.Repeat(" ", 1_800_000)); err != nil && !errors.Is(err, net.ErrClosed) {
			continue // It has been refused, and the connection closed.
		}
	}
	eventually(t, "no more bodies are read", func() bool {
		large := []byte(`{"location": "example.com/b"` + strings.Repeat(" ", 1_000_000) + "}")
		return send(t, key, http.MethodPut, appPath(org, slug), "application/json", large).status == http.StatusTooManyRequests
	})
	call(t, otherKey, http.MethodPost, appsPath(other), map[string]any{"slug": "slow-" + slug[5:], "location": "example.com/a"}).want(t, http.StatusCreated)
	call(t, key, http.MethodGet, appPath(org, slug), nil).want(t, http.StatusOK)
}
