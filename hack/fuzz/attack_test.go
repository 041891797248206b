package fuzz

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/apikey"
	"github.com/berth-dev/berth/internal/testing/testattack"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

// orgHostile is an organization that the platform does not know, so that its default limits apply.
const orgHostile = "hostile"

// keyHostile is the name of its manager's key.
const keyHostile = "hostile"

// hostile returns clients of one organization that use up whatever it may have: large environments that change, full pages of them, private keys,
// reads of logs, followers.
func hostile(b *testing.B) kind {
	b.Helper()
	ctx := b.Context()
	org := &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Name: orgHostile}}
	if err := testenv.Organize(ctx, suite.cluster, org, "external-id-of-"+orgHostile); err != nil {
		b.Fatal(err)
	}
	org.Spec.Trusted = nil
	if err := suite.cluster.Update(ctx, org); err != nil {
		b.Fatal(err)
	}
	if err := testenv.GrantIn(ctx, suite.cluster, orgHostile); err != nil {
		b.Fatal(err)
	}
	key, token, err := apikey.New(apikey.Spec{Owner: "eve@example.com", Role: apikey.RoleManager, Organizations: []string{orgHostile}})
	if err != nil {
		b.Fatal(err)
	}
	suite.keys[keyHostile] = token
	if err := suite.cluster.Create(ctx, key.Secret(testenv.KeysNamespace)); err != nil {
		b.Fatal(err)
	}
	if err := poll(ctx, func() bool { return knows(ctx, keyHostile, orgHostile) }); err != nil {
		b.Fatal(err)
	}
	attack := &testattack.Attack{
		Organization: orgHostile, Key: token, URL: func() string { return suite.url },
		Client: func() *http.Client { return &http.Client{Transport: newTransport(true)} },
	}
	return kind{fmt.Sprintf("%d of each kind that an organization attacks with", testattack.Clients), func(ctx context.Context) func() {
		stop := attack.Run(ctx)
		return func() {
			if missing := stop().Missing(); missing != "" {
				b.Errorf("the attack is none: %s", missing)
			}
		}
	}}
}
