package auth

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authorizationv1client "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/internal/apikey"
	"github.com/berth-dev/berth/internal/rbac"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

// root is a user who may do everything.
const root = "root"

// facadeConfig acts as the facade's ServiceAccount, cluster as an administrator.
var (
	facadeConfig *rest.Config
	cluster      client.Client
)

func TestMain(m *testing.M) { os.Exit(testenv.Run(m, testenv.InstallRights, setup)) }

func setup(ctx context.Context, config *rest.Config) (err error) {
	if cluster, err = client.New(config, client.Options{}); err != nil {
		return err
	}
	for _, organization := range []string{"acme", "cowork"} {
		if err := cluster.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: organization}}); err != nil {
			return err
		}
		if err := testenv.GrantIn(ctx, cluster, organization); err != nil {
			return err
		}
	}
	everything := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: root},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: root}},
	}
	if err := cluster.Create(ctx, everything); err != nil {
		return err
	}
	facadeConfig, err = testenv.ServiceAccount(ctx, config, rbac.ServiceAccountFacade)
	return err
}

func newReviews(t *testing.T, config *rest.Config) *Reviews {
	t.Helper()
	clients, err := authorizationv1client.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return NewReviews(clients.SubjectAccessReviews())
}

func statusOf(err error) int {
	if e, refused := errors.AsType[*apierr.Error](err); refused {
		return e.Status
	}
	if err != nil {
		return http.StatusInternalServerError
	}
	return http.StatusOK
}

// TestAuthorize holds the roles of config/rbac against what each may do, in access reviews of a real API server.
func TestAuthorize(t *testing.T) {
	manager := ofKey(apikey.Key{Spec: apikey.Spec{ID: "m", Role: apikey.RoleManager, Organizations: []string{"acme", "cowork"}}})
	contributor := ofKey(apikey.Key{Spec: apikey.Spec{ID: "c", Role: apikey.RoleContributor, Organizations: []string{"cowork"}}})
	host := ofKey(apikey.Key{Spec: apikey.Spec{ID: "h", Role: apikey.RoleHost}})
	type want struct{ Read, Write, ReadLogs, SendMail, ListKeys, MakeContributor, MakeManager, MakeHost int }
	const ok, forbidden, hidden = http.StatusOK, http.StatusForbidden, http.StatusNotFound
	everything := want{Read: ok, Write: ok, ReadLogs: ok, SendMail: ok, ListKeys: ok, MakeContributor: ok, MakeManager: ok, MakeHost: forbidden}
	nothing := want{hidden, hidden, hidden, hidden, hidden, hidden, hidden, hidden}
	cases := map[string]struct {
		reason       string
		principal    Principal
		organization string
		want         want
	}{
		"Manager":          {principal: manager, organization: "cowork", want: everything},
		"ManagerElsewhere": {reason: "What isn't theirs doesn't exist.", principal: manager, organization: "other", want: nothing},
		"Contributor": {
			principal: contributor, organization: "cowork",
			want: want{
				Read: ok, Write: forbidden, ReadLogs: ok, SendMail: forbidden,
				ListKeys: forbidden, MakeContributor: ok, MakeManager: forbidden, MakeHost: forbidden,
			},
		},
		"ContributorElsewhere": {principal: contributor, organization: "acme", want: nothing},
		"Host":                 {principal: host, organization: "cowork", want: everything},
		"HostToNothing":        {reason: "An organization that isn't there is there for nobody.", principal: host, organization: "other", want: nothing},
		"Nobody":               {reason: "Without authentication there are no rights.", organization: "cowork", want: nothing},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			reviews := newReviews(t, facadeConfig)
			may := func(verb, resource, name string) int {
				action := Action{Verb: verb, Resource: resource, Organization: tc.organization, Name: name}
				return statusOf(reviews.Authorize(t.Context(), tc.principal, action))
			}
			got := want{
				Read: may("get", "apps", "shop"), ReadLogs: may("get", "pods/log", "shop"), SendMail: may("create", "domains/test-email", "shop"),
				ListKeys: may("list", "apikeys", ""), MakeContributor: may("create", "apikeys", "contributor"), MakeManager: may("create", "apikeys", "manager"),
				MakeHost: may("create", "apikeys", "host"),
			}
			for _, write := range []int{may("create", "apps", ""), may("patch", "apps", "shop"), may("delete", "apps", "shop"), may("patch", "domains", "shop")} {
				got.Write = max(got.Write, write)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("\n%s\nAuthorize in %s: -want, +got:\n%s", tc.reason, tc.organization, diff)
			}
		})
	}
}

// TestAuthorizeEverywhere says that what is about all organizations is for host staff.
func TestAuthorizeEverywhere(t *testing.T) {
	reviews := newReviews(t, facadeConfig)
	for _, verb := range []string{"list", "create"} {
		action := Action{Verb: verb, Resource: "domains"}
		got := map[apikey.Role]int{}
		for _, role := range []apikey.Role{apikey.RoleManager, apikey.RoleHost} {
			key := apikey.Key{Spec: apikey.Spec{ID: "e-" + string(role), Role: role}}
			if role == apikey.RoleManager {
				key.Organizations = []string{"acme"}
			}
			got[role] = statusOf(reviews.Authorize(t.Context(), ofKey(key), action))
		}
		want := map[apikey.Role]int{apikey.RoleManager: http.StatusForbidden, apikey.RoleHost: http.StatusOK}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Authorize(%s domains): -want, +got:\n%s", verb, diff)
		}
	}
}

// TestAuthorizeOne says that a right to one object by its name is enough for that one.
func TestAuthorizeOne(t *testing.T) {
	role := &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "one-app"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{"berth.dev"}, Resources: []string{"apps"}, Verbs: []string{"get"}, ResourceNames: []string{"shop"}}},
	}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "one-app"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "one-app"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "berth:person:ann@example.com"}},
	}
	for _, object := range []client.Object{role, binding} {
		if err := cluster.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	reviews, ann := newReviews(t, facadeConfig), Principal{User: "berth:person:ann@example.com"}
	may := func(name string) bool {
		allowed, err := reviews.May(t.Context(), ann, Action{Verb: "get", Resource: "apps", Organization: "acme", Name: name})
		if err != nil {
			t.Fatal(err)
		}
		return allowed
	}
	deadline := time.Now().Add(10 * time.Second)
	for !may("shop") { // The API server takes a moment to know a new role.
		if time.Now().After(deadline) {
			t.Fatal("May(get shop): got false, want true")
		}
		time.Sleep(deniedFor / 5)
	}
	if may("other") {
		t.Error("May(get other): got true, want false")
	}
}

// counter answers access reviews by a rule and counts them: a real API server isn't told to change its mind at a given moment, or to fail.
type counter struct {
	authorizationv1client.SubjectAccessReviewInterface
	asked  atomic.Int32
	answer func() (bool, error)
}

func (c *counter) Create(_ context.Context, review *authorizationv1.SubjectAccessReview, _ metav1.CreateOptions) (*authorizationv1.SubjectAccessReview, error) {
	c.asked.Add(1)
	time.Sleep(time.Millisecond)
	allowed, err := c.answer()
	review.Status.Allowed = allowed
	return review, err
}

// TestAnswersAreKept says for how long, and that many who ask at once ask one question.
func TestAnswersAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		allowed := true
		c := &counter{answer: func() (bool, error) { return allowed, nil }}
		reviews := NewReviews(c)
		ask := func(name string) bool {
			got, err := reviews.May(t.Context(), Principal{User: "u"}, Action{Verb: "get", Resource: "apps", Organization: "acme", Name: name})
			if err != nil {
				t.Error(err)
			}
			return got
		}
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { ask("shop") })
		}
		all.Wait()
		ask("another")
		if got := c.asked.Load(); got != 1 {
			t.Errorf("101 questions at once about an organization: asked %d times, want once", got)
		}
		allowed = false
		time.Sleep(allowedFor - 100*time.Millisecond)
		if !ask("shop") {
			t.Error("an answer isn't kept")
		}
		time.Sleep(200 * time.Millisecond)
		if ask("shop") {
			t.Error("an answer is kept for too long")
		}
		allowed = true
		time.Sleep(deniedFor + 100*time.Millisecond)
		if !ask("shop") {
			t.Error("a refusal is kept for too long")
		}
	})
}

// TestImpossibleIsNotAsked says that names which nothing has are neither asked about nor remembered, but for the rest of the question.
func TestImpossibleIsNotAsked(t *testing.T) {
	cases := map[string]struct {
		action        Action
		asked, status int
	}{
		"LongOrganization":   {action: Action{Organization: strings.Repeat("a", 64)}, status: http.StatusNotFound},
		"BrokenOrganization": {action: Action{Organization: "acme\nshop"}, status: http.StatusNotFound},
		"LongName":           {action: Action{Organization: "acme", Name: strings.Repeat("a", 254)}, asked: 2, status: http.StatusNotFound},
		"BrokenName":         {action: Action{Organization: "acme", Name: "shop\n"}, asked: 2, status: http.StatusNotFound},
		"LongestName":        {action: Action{Organization: "acme", Name: strings.Repeat("a", 253)}, asked: 3, status: http.StatusNotFound},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := &counter{answer: func() (bool, error) { return false, nil }}
			reviews := NewReviews(c)
			tc.action.Verb, tc.action.Resource = "delete", "apps"
			if got := statusOf(reviews.Authorize(t.Context(), Principal{User: "u"}, tc.action)); got != tc.status {
				t.Errorf("Authorize(...): got %d, want %d", got, tc.status)
			}
			if got := int(c.asked.Load()); got != tc.asked {
				t.Errorf("asked %d times, want %d", got, tc.asked)
			}
			if got := len(reviews.answers.Keys()); got != tc.asked {
				t.Errorf("%d answers are remembered, want %d", got, tc.asked)
			}
		})
	}
}

// TestUnansweredIsRefused says that nobody is let through because the API server can't be asked, and that this is asked again.
func TestUnansweredIsRefused(t *testing.T) {
	failing := errors.New("no answer")
	c := &counter{answer: func() (bool, error) { return true, failing }}
	reviews := NewReviews(c)
	action := Action{Verb: "get", Resource: "apps", Organization: "acme"}
	if err := reviews.Authorize(t.Context(), Principal{User: "u"}, action); !errors.Is(err, failing) {
		t.Errorf("Authorize(...): got %v, want %v", err, failing)
	}
	failing = nil
	if err := reviews.Authorize(t.Context(), Principal{User: "u"}, action); err != nil {
		t.Errorf("Authorize(...) later: %v", err)
	}
}
