package controllers

import (
	"strings"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/testing/testaws"
)

func TestWhyThereIsNoToken(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		role   func(*testaws.Role)
		app    func(*v1alpha1.App)
		reason string
		words  []string
	}{
		"NoRole": {
			app:    func(a *v1alpha1.App) { a.Spec.Registry.RoleARN += "-mistyped" },
			reason: v1alpha1.ReasonRoleRefused, words: []string{testaws.Account, "external id", "AccessDenied"},
		},
		"OtherExternalID": {
			role:   func(r *testaws.Role) { r.ExternalID = "another" },
			reason: v1alpha1.ReasonRoleRefused, words: []string{"account " + testaws.Account, "AccessDenied"},
		},
		"NoToken": {
			role:   func(r *testaws.Role) { r.NoToken = true },
			reason: v1alpha1.ReasonTokenRefused, words: []string{"ecr:GetAuthorizationToken", "AccessDeniedException"},
		},
		"OtherRegistry": {
			app:    func(a *v1alpha1.App) { a.Spec.Image = "registry.example.com/shop/web:v1" },
			reason: v1alpha1.ReasonRegistryMismatch, words: []string{"registry.example.com"},
		},
		"DockerHub": {
			app:    func(a *v1alpha1.App) { a.Spec.Image = "nginx" },
			reason: v1alpha1.ReasonRegistryMismatch, words: []string{"docker.io"},
		},
		"NoRegion": {
			app:    func(a *v1alpha1.App) { a.Spec.Image = "222222222222.dkr.ecr.eu-west-9.amazonaws.com/shop/web:v1" },
			reason: v1alpha1.ReasonRegistryMismatch, words: []string{"eu-west-9", "--ecr-region"},
		},
		"OtherPartition": {
			app:    func(a *v1alpha1.App) { a.Spec.Image = "222222222222.dkr.ecr.cn-north-1.amazonaws.com.cn/shop/web:v1" },
			reason: v1alpha1.ReasonRegistryMismatch, words: []string{"aws-cn"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := organization(t)
			var changes []func(*testaws.Role)
			if tc.role != nil {
				changes = append(changes, tc.role)
			}
			role := newRole(t, ns, changes...)
			apps := []func(*v1alpha1.App){pullsBy(role)}
			if tc.app != nil {
				apps = append(apps, tc.app)
			}
			app := newApp(t, ns, apps...)
			expect(t, app, status.FailedStatus, map[string]condition{
				v1alpha1.ConditionReady: failing(tc.reason), v1alpha1.ConditionReferencesResolved: failing(tc.reason),
			})
			message := app.Status.Conditions[0].Message
			for _, word := range tc.words {
				if !strings.Contains(message, word) {
					t.Errorf("the message doesn't name %s: %s", word, message)
				}
			}
		})
	}
}

// Who puts the trust policy right needs to do nothing else.
func TestRoleThatIsSetRight(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	role := newRole(t, ns, func(r *testaws.Role) { r.ExternalID = "another" })
	app := newApp(t, ns, pullsBy(role))
	expect(t, app, status.FailedStatus, map[string]condition{v1alpha1.ConditionReady: failing(v1alpha1.ReasonRoleRefused)})
	newRole(t, ns)
	awaitPull(t, app, nil)
	expect(t, app, status.InProgressStatus, map[string]condition{v1alpha1.ConditionReferencesResolved: succeeded})
}
