package facade

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/apikey"
)

// withKeyLimits starts a server with limits of keys, which answers at suite.url until the test ends.
func withKeyLimits(t *testing.T, limits KeyLimits) *Server {
	t.Helper()
	server, stop := running(t, suite.certificates, signingIn, func(options *Options) { options.KeyLimits = limits })
	t.Cleanup(stop)
	eventually(t, "the server is ready", server.Ready)
	before := suite.url
	suite.url = "https://" + server.options.Listener.Addr().String()
	t.Cleanup(func() { suite.url = before })
	return server
}

// TestProfileKeyLimits says that people make no more keys than they and their organization may have, are told so, and can rotate and revoke at the limit.
func TestProfileKeyLimits(t *testing.T) {
	server := withKeyLimits(t, KeyLimits{PerOwner: 2, PerOrganization: 4})
	org, _ := organization(t) // With a key of ann@example.com.
	mia := visit(t, "mia@example.com", group(org, "manager"))
	const keys = "/profile/keys"
	newKey := wish(org, "contributor")
	form := plus(newKey, "form", mia.form(t, "/profile/"))
	first, _ := mia.send(t, http.MethodPost, keys, form, nil).want(t, http.StatusCreated).key(t)
	second, _ := mia.post(t, "/profile/", keys, newKey).want(t, http.StatusCreated).key(t)
	refused := mia.post(t, "/profile/", keys, newKey).want(t, http.StatusForbidden)
	refused.mustSay(t, "You have 2 API keys that work, which is the maximum. Revoke one that you do not need, then make the key.")
	list := mia.get(t, "/profile/")
	list.mustSay(t, "You have 2 API keys that work")
	if strings.Contains(list.text, "Make the key") {
		t.Error("the page has a form that cannot make a key")
	}
	mia.send(t, http.MethodPost, keys, form, nil).want(t, http.StatusConflict).mustSay(t, "shown again")

	rotate := func(id, overlap string, want int) page {
		path := keys + "/" + id + "/rotate"
		return mia.post(t, path, path, url.Values{"overlap": {overlap}}).want(t, want)
	}
	second, _ = rotate(second, "1d", http.StatusCreated).key(t)
	second, _ = rotate(second, "1d", http.StatusCreated).key(t)
	rotate(second, "1d", http.StatusForbidden).mustSay(t, "You have 2 API keys that were replaced and still work")
	for range 5 {
		second, _ = rotate(second, "now", http.StatusCreated).key(t)
	}
	ended := 0
	for _, key := range server.store.KeysOfOwner("mia@example.com") {
		if key.Expired(time.Now()) {
			ended++
		}
	}
	if ended != 2 {
		t.Errorf("5 rotations left %d keys that have ended, want the 2 that ended last", ended)
	}

	ben := visit(t, "ben@example.com", group(org, "contributor"))
	ben.post(t, "/profile/", keys, newKey).want(t, http.StatusCreated)
	eve := visit(t, "eve@example.com", group(org, "contributor"))
	spawn(t, apikey.Spec{Role: apikey.RoleContributor, Organizations: []string{"other", org}, Expires: time.Now().Add(-time.Hour)}) // It has ended.
	eve.post(t, "/profile/", keys, newKey).want(t, http.StatusForbidden).
		mustSay(t, "The organization "+org+" has 4 API keys that work, which is the maximum. Ask a manager of the organization to revoke one")
	path := keys + "/" + first + "/revoke"
	mia.post(t, path, path, nil).want(t, http.StatusSeeOther)
	eve.post(t, "/profile/", keys, newKey).want(t, http.StatusCreated)
}

// TestKeyLimitsRace says that the limits hold though two servers make keys at the same time.
func TestKeyLimitsRace(t *testing.T) {
	org, _ := organization(t)
	limited := func(options *Options) { options.KeyLimits = KeyLimits{PerOwner: 3, PerOrganization: 100} }
	one, _ := another(t, limited)
	two, _ := another(t, limited)
	var all sync.WaitGroup
	for _, server := range []*Server{one, two, one, two, one, two, one, two, one, two} {
		all.Go(func() {
			key, _, err := apikey.New(apikey.Spec{Owner: "race@example.com", Role: apikey.RoleContributor, Organizations: []string{org}})
			if err != nil {
				t.Error(err)
				return
			}
			err = server.store.CreateKey(t.Context(), key)
			if _, exceeded := errors.AsType[*apikey.LimitError](err); err != nil && !exceeded {
				t.Errorf("CreateKey(...): got %v", err)
			}
		})
	}
	all.Wait()
	secrets := &corev1.SecretList{}
	labelled := client.MatchingLabels{v1alpha1.LabelSecret: v1alpha1.SecretAPIKey}
	if err := suite.cluster.List(t.Context(), secrets, client.InNamespace(systemSpace), labelled); err != nil {
		t.Fatal(err)
	}
	made := 0
	for _, secret := range secrets.Items {
		if key, err := apikey.FromSecret(&secret); err == nil && key.Owner == "race@example.com" {
			made++
		}
	}
	if made == 0 || made > 3 {
		t.Errorf("there are %d keys, want at most 3", made)
	}
}

// TestEndedKeysAreDeleted says that keys which ended long ago are deleted, which the log says, and no others.
func TestEndedKeysAreDeleted(t *testing.T) {
	org, _ := organization(t)
	now := time.Now()
	spec := func(end time.Time) apikey.Spec {
		return apikey.Spec{Role: apikey.RoleContributor, Organizations: []string{org}, Expires: end}
	}
	old, recent, lasting := spawn(t, spec(now.Add(-31*24*time.Hour))), spawn(t, spec(now.Add(-29*24*time.Hour))), spawn(t, spec(time.Time{}))
	suite.server.store.DeleteKeysEndedBefore(t.Context(), now.Add(-apikey.KeepEnded))
	gone := client.ObjectKey{Namespace: systemSpace, Name: apikey.SecretName(old)}
	if err := suite.cluster.Get(t.Context(), gone, &corev1.Secret{}); !apierrors.IsNotFound(err) {
		t.Errorf("the key that ended a month ago: got %v, want that it is gone", err)
	}
	for _, id := range []string{recent, lasting} {
		secretOfKey(t, id)
	}
	if !strings.Contains(suite.log.String(), `"msg":"deleted an API key that has ended","key":"`+old+`"`) {
		t.Error("the log does not say that the key was deleted")
	}
}
