package facade

import (
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/internal/apikey"
)

// TestFollowFrom says where following begins when none of the lines that are there are wanted.
func TestFollowFrom(t *testing.T) {
	ended := &corev1.ContainerStateTerminated{
		ExitCode: 1, Reason: "Error", ContainerID: "containerd://earlier",
		FinishedAt: metav1.NewTime(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)),
	}
	for name, query := range map[string]string{
		"TailNone":   "?follow=true&tail=0",
		"SinceLater": "?follow=true&since=2026-01-01T00:00:05Z",
	} {
		t.Run(name, func(t *testing.T) {
			org, slug, key := loggingApp(t)
			node := newKubelet(t)
			status := corev1.ContainerStatus{State: runningState(), LastTerminationState: corev1.ContainerState{Terminated: ended}}
			newPod(t, org, slug, "web", node.node, status)
			node.print(t, "web", 1, "before")
			node.print(t, "web", 2, "also before")
			f := follow(t, key, appPath(org, slug)+"logs/"+query)
			deadline := time.Now().Add(20 * time.Second)
			for !strings.Contains(node.query("web"), "follow=true") {
				if time.Now().After(deadline) {
					t.Fatal("the Pod isn't followed")
				}
				time.Sleep(10 * time.Millisecond)
			}
			node.print(t, "web", 6, "after")
			f.want(t, "after")
		})
	}
}

// TestFollowUntilKeyIsRevoked says that a key that is gone shows no more output.
func TestFollowUntilKeyIsRevoked(t *testing.T) {
	org, slug, _ := loggingApp(t)
	key, token, err := apikey.New(apikey.Spec{Role: apikey.RoleContributor, Organizations: []string{org}})
	if err != nil {
		t.Fatal(err)
	}
	secret := key.Secret(keysSpace)
	if err := suite.cluster.Create(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	path := appPath(org, slug) + "logs/"
	eventually(t, "the key works", func() bool { return call(t, token, http.MethodGet, path, nil).status == http.StatusOK })
	f := follow(t, token, path+"?follow=true")
	f.want(t, "["+slug+" has no Pods]")
	if err := suite.cluster.Delete(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	f.wantEnd(t)
}

// TestFollowHead says that nobody is followed for a request whose answer has no body.
func TestFollowHead(t *testing.T) {
	org, slug, key := loggingApp(t)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodHead, suite.url+appPath(org, slug)+"logs/?follow=true", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(key, "")
	request.Header.Set("X-Request-Id", slug)
	response, err := suite.transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("got %d", response.StatusCode)
	}
	eventually(t, "the request is over", func() bool { return strings.Contains(suite.log.String(), `"clientRequestID":"`+slug+`"`) })
}

// TestFollowUntilRoleIsGone says that whoever has lost their role in an organization sees no more output.
func TestFollowUntilRoleIsGone(t *testing.T) {
	org, slug, key := loggingApp(t)
	f := follow(t, key, appPath(org, slug)+"logs/?follow=true")
	f.want(t, "["+slug+" has no Pods]")
	if err := suite.cluster.DeleteAllOf(t.Context(), &rbacv1.RoleBinding{}, client.InNamespace(org)); err != nil {
		t.Fatal(err)
	}
	f.wantEnd(t)
}
