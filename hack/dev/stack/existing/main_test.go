package existing

import (
	"context"
	"os"
	"testing"

	certmanagerv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/internal/testing/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Run(m)) }

// api returns a client of a cluster.
func api(t *testing.T, config *rest.Config) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, certmanagerv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// create makes objects, with their status, until the test ends.
func create(t *testing.T, c client.Client, objects ...client.Object) {
	t.Helper()
	for _, wanted := range objects {
		o, ok := wanted.DeepCopyObject().(client.Object)
		if !ok {
			t.Fatalf("%T is no object", wanted)
		}
		if err := c.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := c.Delete(context.Background(), o); err != nil {
				t.Error(err)
			}
		})
		if _, ok := o.(*certmanagerv1.ClusterIssuer); ok {
			made, ok := wanted.DeepCopyObject().(client.Object)
			if !ok {
				t.Fatalf("%T is no object", wanted)
			}
			made.SetResourceVersion(o.GetResourceVersion())
			if err := c.Status().Update(t.Context(), made); err != nil {
				t.Fatal(err)
			}
		}
	}
}
