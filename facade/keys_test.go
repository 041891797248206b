package facade

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/internal/apikey"
)

// newKeyOf makes an API key, waits for the server to know it and returns it with its token.
func newKeyOf(t *testing.T, spec apikey.Spec) (apikey.Key, string) {
	t.Helper()
	made, token, err := apikey.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := suite.cluster.Create(t.Context(), made.Secret(keysSpace)); err != nil {
		t.Fatal(err)
	}
	var key apikey.Key
	eventually(t, "the server knows the key", func() bool {
		key, err = suite.server.store.KeyByID(made.ID)
		return err == nil
	})
	return key, token
}

// secretOfKey reads the Secret of an API key from the cluster.
func secretOfKey(t *testing.T, id string) *corev1.Secret {
	t.Helper()
	secret := &corev1.Secret{}
	if err := suite.cluster.Get(t.Context(), client.ObjectKey{Namespace: keysSpace, Name: apikey.SecretName(id)}, secret); err != nil {
		t.Fatal(err)
	}
	return secret
}

// ids are those of keys.
func ids(keys []apikey.Key) []string {
	all := make([]string, 0, len(keys))
	for _, key := range keys {
		all = append(all, key.ID)
	}
	return all
}

// sorted compares names in any order: keys that were made in the same second have none.
var sorted = cmpopts.SortSlices(func(a, b string) bool { return a < b })

// TestRevokedEverywhere says that a key that is revoked at one server is unknown to all.
func TestRevokedEverywhere(t *testing.T) {
	org, _ := organization(t)
	other, _ := another(t)
	key, token := newKeyOf(t, apikey.Spec{Role: apikey.RoleContributor, Organizations: []string{org}})
	status := func(server *Server) int { return ask(t, server, token, http.MethodGet, appsPath(org), nil).status }
	for _, server := range []*Server{suite.server, other} {
		eventually(t, "the key works", func() bool { return status(server) == http.StatusOK })
	}
	if err := suite.server.store.RevokeKey(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	revoked := time.Now()
	if got := status(suite.server); got != http.StatusUnauthorized {
		t.Errorf("the server that revoked the key answers %d", got)
	}
	eventually(t, "the other server has heard of it", func() bool { return status(other) == http.StatusUnauthorized })
	t.Logf("it took the other server %s", time.Since(revoked))
}

// TestExpiredEverywhere says that a key stops working when it was to, everywhere, also where somebody follows a log with it.
func TestExpiredEverywhere(t *testing.T) {
	org, slug, _ := loggingApp(t)
	other, _ := another(t)
	end := time.Now().Add(10 * time.Second).Truncate(time.Second)
	_, token := newKeyOf(t, apikey.Spec{Role: apikey.RoleContributor, Organizations: []string{org}, Expires: end})
	status := func(server *Server) int { return ask(t, server, token, http.MethodGet, appsPath(org), nil).status }
	eventually(t, "the other server knows the key", func() bool { return status(other) == http.StatusOK })
	f := follow(t, token, appPath(org, slug)+"logs/?follow=true")
	f.want(t, "["+slug+" has no Pods]")
	f.wantEnd(t)
	if early := time.Until(end); early > 0 {
		t.Errorf("following ended %s before the key did", early)
	}
	for _, server := range []*Server{suite.server, other} {
		if got := status(server); got != http.StatusUnauthorized {
			t.Errorf("a server answers %d to a key that has expired", got)
		}
	}
	t.Logf("after %s the key was unknown everywhere", time.Since(end))
}

// TestLastUse says that the last use of a key is written once, however often it is used.
func TestLastUse(t *testing.T) {
	org, _ := organization(t)
	key, token := newKeyOf(t, apikey.Spec{Role: apikey.RoleContributor, Organizations: []string{org}})
	before := time.Now()
	requests := suite.requests.during(key.ID, func() {
		var users sync.WaitGroup
		for range 20 {
			users.Go(func() { call(t, token, http.MethodGet, appsPath(org), nil) })
		}
		users.Wait()
		eventually(t, "the use is noted", func() bool {
			noted, err := suite.server.store.KeyByID(key.ID)
			return err == nil && !noted.LastUsed.IsZero()
		})
		call(t, token, http.MethodGet, appsPath(org), nil).want(t, http.StatusOK)
	})
	if want := []string{"PATCH /api/v1/namespaces/" + keysSpace + "/secrets/apikey-" + key.ID}; !cmp.Equal(want, requests) {
		t.Errorf("21 uses asked for %v, want %v", requests, want)
	}
	noted, err := apikey.FromSecret(secretOfKey(t, key.ID))
	if err != nil {
		t.Fatal(err)
	}
	if noted.LastUsed.Before(before.Truncate(time.Hour)) || noted.LastUsed.After(time.Now()) {
		t.Errorf("LastUsed: got %s, want the hour of %s", noted.LastUsed, before)
	}
	noted.LastUsed = key.LastUsed
	if diff := cmp.Diff(key, noted); diff != "" {
		t.Errorf("the use changed the key: -before, +after:\n%s", diff)
	}
}

// TestManageKeys says what those who manage keys can do with the store.
func TestManageKeys(t *testing.T) {
	org, _ := organization(t)
	keys := suite.server.store
	owner, end := org+"@example.com", time.Now().Add(time.Hour)
	first, _ := newKeyOf(t, apikey.Spec{Owner: owner, Role: apikey.RoleContributor, Organizations: []string{org}, Description: "the first", Expires: end})
	elsewhere, _ := newKeyOf(t, apikey.Spec{Owner: owner, Role: apikey.RoleContributor, Organizations: []string{"no-" + org}})
	newKeyOf(t, apikey.Spec{Role: apikey.RoleContributor, Organizations: []string{"no-" + org}})
	again := first
	again.Hash = strings.Repeat("0", len(first.Hash))
	if err := keys.CreateKey(t.Context(), again); !apierrors.IsAlreadyExists(err) {
		t.Errorf("CreateKey of an id that is there: got %v", err)
	}

	if diff := cmp.Diff([]string{first.ID, elsewhere.ID}, ids(keys.KeysOf(strings.ToUpper(owner), apikey.Account{})), sorted); diff != "" {
		t.Errorf("KeysOf(...): -want, +got:\n%s", diff)
	}
	if nobodys := keys.KeysOf("", apikey.Account{}); len(nobodys) > 0 {
		t.Errorf("KeysOf nobody: got %v", ids(nobodys))
	}
	manages := func(key apikey.Key) bool { return key.Role == apikey.RoleManager }
	if diff := cmp.Diff([]apikey.Key{first}, slices.DeleteFunc(keys.Keys(org), manages)); diff != "" {
		t.Errorf("Keys(...) beside the manager's: -want, +got:\n%s", diff)
	}

	stale := first
	stale.UID = types.UID("another")
	if err := keys.RevokeKey(t.Context(), stale); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.KeyByID(first.ID); err != nil {
		t.Errorf("a key was revoked that was made after the one that was meant: %v", err)
	}
	for range 2 { // Whoever asks once more has it done.
		if err := keys.RevokeKey(t.Context(), first); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := keys.KeyByID(first.ID); err == nil {
		t.Error("the revoked key is there")
	}
}

// TestRotateKey says that the key that replaces another works at once, and the other for as long as it was given.
func TestRotateKey(t *testing.T) {
	org, _ := organization(t)
	keys := suite.server.store
	status := func(token string) int { return call(t, token, http.MethodGet, appsPath(org), nil).status }
	spec := apikey.Spec{Role: apikey.RoleContributor, Organizations: []string{org}, Description: "CI", Expires: time.Now().Add(time.Hour)}
	first, firstToken := newKeyOf(t, spec)
	second, secondToken, err := keys.RotateKey(t.Context(), first, "", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if second.Replaces != first.ID || second.Description != "CI" || second.UID == "" {
		t.Errorf("RotateKey(...): got %+v", second.Spec)
	}
	if got := []int{status(firstToken), status(secondToken)}; !cmp.Equal([]int{http.StatusOK, http.StatusOK}, got) {
		t.Errorf("while both hold, they are answered %v", got)
	}
	if first, err = keys.KeyByID(first.ID); err != nil || time.Until(first.End()) > time.Minute {
		t.Errorf("the first key ends at %s, %v; want a minute from now", first.End(), err)
	}
	third, thirdToken, err := keys.RotateKey(t.Context(), second, "chosen0"+strings.TrimPrefix(org, "org-"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := []int{status(secondToken), status(thirdToken)}; !cmp.Equal([]int{http.StatusUnauthorized, http.StatusOK}, got) {
		t.Errorf("after a rotation without an overlap, they are answered %v", got)
	}
	if _, _, err := keys.RotateKey(t.Context(), second, third.ID, 0); !apierrors.IsAlreadyExists(err) {
		t.Errorf("the same rotation once more: got %v", err)
	}
	stale := third
	stale.UID = "another"
	if _, _, err := keys.RotateKey(t.Context(), stale, "stale0"+strings.TrimPrefix(org, "org-"), 0); err == nil {
		t.Error("a key was rotated that was made after the one that was meant")
	}
	left := client.ObjectKey{Namespace: keysSpace, Name: apikey.SecretName("stale0" + strings.TrimPrefix(org, "org-"))}
	if err := suite.cluster.Get(t.Context(), left, &corev1.Secret{}); !apierrors.IsNotFound(err) {
		t.Errorf("a rotation that failed left a key: %v", err)
	}
	if got := status(thirdToken); got != http.StatusOK {
		t.Errorf("the third key is answered %d", got)
	}
}
