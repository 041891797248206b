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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/apikey"
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
	lou := visit(t, "lou@example.com", group(org, "manager"))
	const keys = "/profile/keys"
	newKey := wish(org, "contributor")
	form := plus(newKey, "form", lou.form(t, "/profile/"))
	first, _ := lou.send(t, http.MethodPost, keys, form, nil).want(t, http.StatusCreated).key(t)
	second, _ := lou.post(t, "/profile/", keys, newKey).want(t, http.StatusCreated).key(t)
	refused := lou.post(t, "/profile/", keys, newKey).want(t, http.StatusForbidden)
	refused.mustSay(t, "You have 2 API keys that work, which is the maximum. Revoke one that you do not need, then make the key.")
	list := lou.get(t, "/profile/")
	list.mustSay(t, "You have 2 API keys that work")
	if strings.Contains(list.text, "Make the key") {
		t.Error("the page has a form that cannot make a key")
	}
	lou.send(t, http.MethodPost, keys, form, nil).want(t, http.StatusConflict).mustSay(t, "shown again")

	rotate := func(id, overlap string, want int) page {
		path := keys + "/" + id + "/rotate"
		return lou.post(t, path, path, url.Values{"overlap": {overlap}}).want(t, want)
	}
	second, _ = rotate(second, "1d", http.StatusCreated).key(t)
	second, _ = rotate(second, "1d", http.StatusCreated).key(t)
	rotate(second, "1d", http.StatusForbidden).mustSay(t, "You have 2 API keys that were replaced and still work")
	for range 5 {
		second, _ = rotate(second, "now", http.StatusCreated).key(t)
	}
	ended := 0
	for _, key := range server.store.KeysOf("lou@example.com", apikey.Account{Issuer: suite.identity.URL, Subject: "lou@example.com"}) {
		if key.Expired(time.Now()) {
			ended++
		}
	}
	if ended != 2 {
		t.Errorf("5 rotations left %d keys that have ended, want the 2 that ended last", ended)
	}

	lex := visit(t, "lex@example.com", group(org, "contributor"))
	lex.post(t, "/profile/", keys, newKey).want(t, http.StatusCreated)
	liv := visit(t, "liv@example.com", group(org, "contributor"))
	spawn(t, apikey.Spec{Role: apikey.RoleContributor, Organizations: []string{"other", org}, Expires: time.Now().Add(-time.Hour)}) // It has ended.
	liv.post(t, "/profile/", keys, newKey).want(t, http.StatusForbidden).
		mustSay(t, "The organization "+org+" has 4 API keys that work, which is the maximum. Ask a manager of the organization to revoke one")
	path := keys + "/" + first + "/revoke"
	lou.post(t, path, path, nil).want(t, http.StatusSeeOther)
	liv.post(t, "/profile/", keys, newKey).want(t, http.StatusCreated)
}

// TestProfileKeyLife says that people make and rotate keys to none that lives longer than the platform lets it.
func TestProfileKeyLife(t *testing.T) {
	server := withKeyLimits(t, KeyLimits{Life: 45 * 24 * time.Hour})
	org, _ := organization(t)
	lia := visit(t, "lia@example.com", group(org, "manager"))
	list := lia.get(t, "/profile/").text
	for option, want := range map[string]bool{
		`<option value="30d">in 30 days<`: true, `<option value="1080h0m0s" selected>in 45 days<`: true, `"90d"`: false, `"365d"`: false, `"never"`: false,
	} {
		if strings.Contains(list, option) != want {
			t.Errorf("the form has %s: want %t", option, want)
		}
	}
	choose := func(expiry string, want int) page {
		return lia.post(t, "/profile/", "/profile/keys", plus(wish(org, "contributor"), "expiry", expiry)).want(t, want)
	}
	for _, expiry := range []string{"90d", "365d", "never", "1080h", "", "-1h"} {
		choose(expiry, http.StatusBadRequest)
	}
	choose("30d", http.StatusCreated)
	ends := func(id string) time.Duration {
		key, err := server.store.KeyByID(id)
		if err != nil {
			t.Fatal(err)
		}
		return time.Until(key.End()).Round(time.Hour)
	}
	id, _ := choose("1080h0m0s", http.StatusCreated).key(t)
	lasting := spawn(t, apikey.Spec{Owner: "lia@example.com", Role: apikey.RoleContributor, Organizations: []string{org}})
	eventually(t, "the server knows the key", func() bool { _, err := server.store.KeyByID(lasting); return err == nil })
	path := "/profile/keys/" + lasting + "/rotate"
	lia.get(t, path).mustSay(t, "but that it expires in 45 days, which is the longest possible here")
	successor, _ := lia.post(t, path, path, url.Values{"overlap": {"1d"}}).want(t, http.StatusCreated).key(t)
	for what, id := range map[string]string{"longest": id, "successor of a lasting one": successor} {
		if got := ends(id); got != 45*24*time.Hour {
			t.Errorf("the key that is the %s ends in %s, want 45 days", what, got)
		}
	}
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
			spec := apikey.Spec{Owner: "race@example.com", Role: apikey.RoleContributor, Organizations: []string{org}, Expires: time.Now().Add(time.Hour)}
			key, _, err := apikey.New(spec)
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
	if err := suite.cluster.List(t.Context(), secrets, client.InNamespace(keysSpace), labelled); err != nil {
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
	mistyped, token := newKeyOf(t, spec(time.Time{}))
	secret := secretOfKey(t, mistyped.ID)
	metav1.SetMetaDataAnnotation(&secret.ObjectMeta, "berth.dev/retires-at", "tomorrow")
	if err := suite.cluster.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the key is disabled", func() bool {
		return call(t, token, http.MethodGet, appsPath(org), nil).status == http.StatusUnauthorized
	})
	suite.server.store.DeleteKeysEndedBefore(t.Context(), now.Add(-apikey.KeepEnded))
	gone := client.ObjectKey{Namespace: keysSpace, Name: apikey.SecretName(old)}
	if err := suite.cluster.Get(t.Context(), gone, &corev1.Secret{}); !apierrors.IsNotFound(err) {
		t.Errorf("the key that ended a month ago: got %v, want that it is gone", err)
	}
	for _, id := range []string{recent, lasting, mistyped.ID} {
		secretOfKey(t, id)
	}
	if !strings.Contains(suite.log.String(), `"msg":"deleted an API key that has ended","key":"`+old+`"`) {
		t.Error("the log does not say that the key was deleted")
	}
}
