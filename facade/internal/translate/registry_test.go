package translate

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/wire"
)

// pulling is an App that an owner has made, with this access to its registry, in an organization with the external id "id". The Secret ann is
// a login; like that of the cache, it has no password.
func pulling(owner string, access *v1alpha1.RegistryAccess) Observed {
	a := app("shop", v1alpha1.AppSpec{Image: "example.com/a:v1", Registry: access})
	a.ManagedFields = []metav1.ManagedFieldsEntry{fields(owner, metav1.ManagedFieldsOperationApply, `{"f:spec": {"f:registry": {
		"f:roleARN": {}, "f:credentialsSecretRef": {"f:name": {}}}}}`)}
	return Observed{App: a, ExternalID: "id", Secrets: map[string]*corev1.Secret{
		"ann":  secret(v1alpha1.SecretRegistry, map[string]string{"username": "ann"}),
		"file": secret(v1alpha1.SecretRegistry, map[string]string{"username": "ann\n"}),
		"env":  secret(v1alpha1.SecretEnv, map[string]string{"username": "not shown"}),
	}}
}

func login(secret string) *v1alpha1.RegistryAccess {
	return &v1alpha1.RegistryAccess{CredentialsSecretRef: &v1alpha1.SecretRef{Name: secret}}
}

func role(arn string) *v1alpha1.RegistryAccess { return &v1alpha1.RegistryAccess{RoleARN: arn} }

// newRef names the Secret that a change makes.
const newRef = `registry: {credentialsSecretRef: {name: shop-registry-0123456789}}`

func TestChangeOfRegistry(t *testing.T) {
	const arn, other = "arn:aws:iam::1:role/a", "arn:aws:iam::1:role/b"
	cases := map[string]struct {
		reason string
		have   *v1alpha1.RegistryAccess
		body   wire.AppBody
		want   string
	}{
		"FirstLogin": {
			body: wire.AppBody{RoleName: new("bob"), ExternalID: new("t")},
			want: `{` + restarted + `, spec: {` + newRef + `}, secret: {username: Ym9i, password: dA==}}`,
		},
		"UserForRole": {
			have: role(arn), body: wire.AppBody{RoleName: new("bob"), ExternalID: new("t")},
			want: `{` + restarted + `, spec: {` + newRef + `}, secret: {username: Ym9i, password: dA==}}`,
		},
		"RoleForUser": {
			have: login("ann"), body: wire.AppBody{RoleName: new(arn)},
			want: `{` + restarted + `, spec: {registry: {roleARN: "` + arn + `"}}}`,
		},
		"OtherUser": {
			have: login("ann"), body: wire.AppBody{RoleName: new("bob"), ExternalID: new("t")},
			want: `{` + restarted + `, spec: {` + newRef + `}, secret: {username: Ym9i, password: dA==}}`,
		},
		"OtherToken": {
			reason: "It is for the present user, and new credentials replace no Pod.",
			have:   login("ann"), body: wire.AppBody{ExternalID: new("t")},
			want: `{spec: {` + newRef + `}, secret: {username: YW5u, password: dA==}}`,
		},
		"SameUserOfAFile": {
			reason: "The line break at the end of a file is no part of the name.", have: login("file"), body: wire.AppBody{RoleName: new("ann")}, want: `{}`,
		},
		"OtherTokenOfNamedUser": {
			have: login("ann"), body: wire.AppBody{RoleName: new("ann"), ExternalID: new("t")},
			want: `{spec: {` + newRef + `}, secret: {username: YW5u, password: dA==}}`,
		},
		"SameUser":  {reason: "The token is kept.", have: login("ann"), body: wire.AppBody{RoleName: new("ann")}, want: `{}`},
		"AsShown":   {reason: "The id isn't a token.", have: login("ann"), body: wire.AppBody{RoleName: new("ann"), ExternalID: new("id")}, want: `{}`},
		"IDAlone":   {have: login("ann"), body: wire.AppBody{ExternalID: new("id")}, want: `{}`},
		"IDOfRole":  {have: role(arn), body: wire.AppBody{RoleName: new(arn), ExternalID: new("id")}, want: `{}`},
		"IDOfNone":  {body: wire.AppBody{RoleName: new(""), ExternalID: new("id")}, want: `{}`},
		"OtherRole": {have: role(arn), body: wire.AppBody{RoleName: new(other)}, want: `{` + restarted + `, spec: {registry: {roleARN: "` + other + `"}}}`},
		"NoUser":    {have: login("ann"), body: wire.AppBody{RoleName: new("")}, want: `{` + restarted + `, spec: {}}`},
		"NoUserAsRead": {
			have: login("ann"), body: wire.AppBody{RoleName: new(""), ExternalID: new("id")}, want: `{` + restarted + `, spec: {}}`,
		},
		"LostSecret": {
			reason: "Nobody is shown, and nobody is what the client has read.",
			have:   login("lost"), body: wire.AppBody{RoleName: new("")}, want: `{}`,
		},
		"OtherPurpose": {
			reason: "What another Secret holds is not shown.",
			have:   login("env"), body: wire.AppBody{RoleName: new("")}, want: `{}`,
		},
		"OtherTag": {
			have: login("ann"), body: wire.AppBody{Location: new("https://example.com/b:v2")},
			want: `{annotations: {berth.dev/location-prefix: "https://"}, spec: {image: "example.com/b:v2", registry: {credentialsSecretRef: {name: ann}}}}`,
		},
		"OtherRegistryOfLost": {
			have: login("lost"), body: wire.AppBody{Location: new("example.org/a")}, want: `{spec: {image: example.org/a}}`,
		},
		"OtherRegistryOfRole": {
			reason: "Only registries of Amazon ECR get what a role gives.",
			have:   role(arn), body: wire.AppBody{Location: new("example.org/a")},
			want: `{spec: {image: example.org/a, registry: {roleARN: "` + arn + `"}}}`,
		},
		"LoginForOtherRegistry": {
			have: login("ann"), body: wire.AppBody{Location: new("example.org/a"), ExternalID: new("t")},
			want: `{spec: {image: example.org/a, ` + newRef + `}, secret: {username: YW5u, password: dA==}}`,
		},
		"NoLoginForOtherRegistry": {
			have: login("ann"), body: wire.AppBody{Location: new("example.org/a"), RoleName: new("")},
			want: `{` + restarted + `, spec: {image: example.org/a}}`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			plan, err := Change(platform, pulling(v1alpha1.FieldOwnerFacade, tc.have), tc.body, false, fresh)
			if err != nil {
				t.Fatalf("\n%s\nChange(...): %v", tc.reason, err)
			}
			if diff := cmp.Diff(tree(t, []byte(tc.want)), summary(t, plan)); diff != "" {
				t.Errorf("\n%s\nChange(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestRefusedRegistries(t *testing.T) {
	const arn = "arn:aws:iam::1:role/a"
	ofGit := []string{"spec.registry is set by argocd; change it there."}
	cases := map[string]struct {
		reason string
		owner  string
		have   *v1alpha1.RegistryAccess
		body   wire.AppBody
		// want are the fields that a 400 names, or what a 409 says.
		want []string
	}{
		"UserWithoutToken":      {body: wire.AppBody{RoleName: new("bob")}, want: []string{"external_id"}},
		"OtherUserWithoutToken": {have: login("ann"), body: wire.AppBody{RoleName: new("bob")}, want: []string{"external_id"}},
		"OtherUserWithID": {
			reason: "The organization's id is no token.",
			have:   login("ann"), body: wire.AppBody{RoleName: new("bob"), ExternalID: new("id")}, want: []string{"external_id"},
		},
		"UserOfLostSecret":     {have: login("lost"), body: wire.AppBody{RoleName: new("ann")}, want: []string{"external_id"}},
		"RoleWithOtherID":      {body: wire.AppBody{RoleName: new(arn), ExternalID: new("t")}, want: []string{"external_id"}},
		"OtherIDOfRole":        {have: role(arn), body: wire.AppBody{ExternalID: new("t")}, want: []string{"external_id"}},
		"RoleWithTokenForUser": {have: login("ann"), body: wire.AppBody{RoleName: new(arn), ExternalID: new("t")}, want: []string{"external_id"}},
		"TokenOfNobody":        {body: wire.AppBody{ExternalID: new("t")}, want: []string{"role_name"}},
		"TokenOfNobodyMore":    {have: login("ann"), body: wire.AppBody{RoleName: new(""), ExternalID: new("t")}, want: []string{"role_name"}},
		"OtherRegistry": {
			reason: "Whoever sets a location must not get the token sent there.",
			have:   login("ann"), body: wire.AppBody{Location: new("example.org/a")}, want: []string{"external_id"},
		},
		"OtherRegistryAsShown": {
			have: login("ann"), body: wire.AppBody{Location: new("https://a"), RoleName: new("ann"), ExternalID: new("id")}, want: []string{"external_id"},
		},
		"UserOfGit":          {owner: "argocd", have: login("ann"), body: wire.AppBody{RoleName: new("bob"), ExternalID: new("t")}, want: ofGit},
		"TokenOfGit":         {owner: "argocd", have: login("ann"), body: wire.AppBody{ExternalID: new("t")}, want: ofGit},
		"NoneOfGit":          {owner: "argocd", have: login("ann"), body: wire.AppBody{RoleName: new("")}, want: ofGit},
		"OtherRegistryOfGit": {owner: "argocd", have: login("ann"), body: wire.AppBody{Location: new("example.org/a")}, want: ofGit},
		"UserForRoleOfGit":   {owner: "argocd", have: role(arn), body: wire.AppBody{RoleName: new("bob"), ExternalID: new("t")}, want: ofGit},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			owner := tc.owner
			if owner == "" {
				owner = v1alpha1.FieldOwnerFacade
			}
			_, err := Change(platform, pulling(owner, tc.have), tc.body, true, fresh)
			e, ok := errors.AsType[*apierr.Error](err)
			if !ok {
				t.Fatalf("\n%s\nChange(...): got %v, want a refusal", tc.reason, err)
			}
			got := slices.Collect(maps.Keys(e.Fields))
			if e.Status == http.StatusConflict {
				got = []string{e.Detail}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("\n%s\nChange(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestRegistryOfGit says that what Git has set is left to it by clients that say the same.
func TestRegistryOfGit(t *testing.T) {
	body := wire.AppBody{Location: new("example.com/a:v2"), RoleName: new("ann"), ExternalID: new("id")}
	plan, err := Change(platform, pulling("argocd", login("ann")), body, false, fresh)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(tree(t, []byte(`{spec: {image: "example.com/a:v2"}}`)), summary(t, plan)); diff != "" {
		t.Errorf("Change(...): -want, +got:\n%s", diff)
	}
}

func TestCreateWithLogin(t *testing.T) {
	body := wire.AppBody{Slug: new("shop"), Location: new("example.com/a"), RoleName: new("bob"), ExternalID: new("t")}
	plan, err := Create(platform, "cowork", body, Observed{ExternalID: "id"}, fresh)
	if err != nil {
		t.Fatal(err)
	}
	want := `{spec: {image: example.com/a, ` + newRef + `}, secret: {username: Ym9i, password: dA==}}`
	if diff := cmp.Diff(tree(t, []byte(want)), summary(t, plan)); diff != "" {
		t.Errorf("Create(...): -want, +got:\n%s", diff)
	}
	if got := plan.Secrets[0]; got.Type != corev1.SecretTypeBasicAuth || !*got.Immutable || got.Labels[v1alpha1.LabelApp] != "shop" {
		t.Errorf("Create(...): the Secret is %v, of the type %s", got.ObjectMeta, got.Type)
	}
	shown := ToWire(platform, applied(t, plan))
	if shown.RoleName != "bob" || shown.ExternalID != "" {
		t.Errorf("ToWire(...): got %q with %q", shown.RoleName, shown.ExternalID)
	}
}
