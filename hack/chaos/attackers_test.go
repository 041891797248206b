package chaos

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers"
	"github.com/berth-dev/berth/internal/rbac"
	"github.com/berth-dev/berth/internal/testing/testattack"
)

const (
	// rivals is how many Domains the attacker has for one host.
	rivals = 100
	// flips is after what time each of them changes a Domain once more, by the API server: ten changes a second together.
	flips = 400 * time.Millisecond
)

// attacker is an organization with the limits of a stranger, which it uses up.
type attacker struct {
	organization, key string
	doors             *doors
	// manager is one of its managers at the API server.
	manager client.Client
}

// newAttacker makes the organization, with many Domains for one host.
func newAttacker(t *testing.T, organization string, d *doors) *attacker {
	t.Helper()
	o := organizationOf(organization)
	o.Spec.Trusted = nil
	a := &attacker{organization: organization, doors: d, key: newOrganization(t, o)}
	config := rest.CopyConfig(suite.admin)
	config.Impersonate = rest.ImpersonationConfig{
		UserName: rbac.UserOfPerson("eve@example.com"),
		Groups:   []string{rbac.Group(organization, rbac.RoleManager), "system:authenticated"},
	}
	var err error
	if a.manager, err = client.New(config, client.Options{Scheme: controllers.Scheme()}); err != nil {
		t.Fatal(err)
	}
	for i := range rivals {
		eventually(t, func(ctx context.Context) error { return a.manager.Create(ctx, a.domain(i)) })
	}
	return a
}

// domain is one of those that want the same host.
func (a *attacker) domain(number int) *v1alpha1.Domain {
	return &v1alpha1.Domain{
		ObjectMeta: metav1.ObjectMeta{Namespace: a.organization, Name: fmt.Sprint("rival-", number)},
		Spec:       v1alpha1.DomainSpec{Host: "contested.example.org", AppRef: v1alpha1.AppRef{Name: "app-0"}},
	}
}

// attack lets clients of the REST API ask for all that they may, while managers change Domains. It goes on until stop is called, which returns how the
// clients were answered.
func (a *attacker) attack(ctx context.Context) (stop func() *testattack.Answers) {
	ctx, cancel := context.WithCancel(ctx)
	var requests atomic.Int64
	attack := &testattack.Attack{
		Organization: a.organization, Key: a.key,
		URL:    func() string { return a.doors.url(int(requests.Add(1))) },
		Client: func() *http.Client { return a.doors.client },
	}
	stopClients := attack.Run(ctx)
	var managers sync.WaitGroup
	for i := range testattack.Clients {
		managers.Go(func() {
			for round := 0; ctx.Err() == nil; round++ {
				a.flip(ctx, i, round)
			}
		})
	}
	return func() *testattack.Answers {
		cancel()
		managers.Wait()
		return stopClients()
	}
}

// flip changes one of the Domains in a way that concerns no other.
func (a *attacker) flip(ctx context.Context, number, round int) {
	defer time.Sleep(flips)
	values := []v1alpha1.DomainAuthentication{v1alpha1.AuthenticationLoginOnly, v1alpha1.AuthenticationDisabled}
	patch := fmt.Appendf(nil, `{"spec": {"authentication": %q}}`, values[round%len(values)])
	_ = a.manager.Patch(ctx, a.domain(number), client.RawPatch(types.MergePatchType, patch))
}

// quantile is the value below which such a part of some times lies.
func quantile(times []time.Duration, part float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[min(len(times)-1, int(float64(len(times))*part))].Round(time.Millisecond)
}
