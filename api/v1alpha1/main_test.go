package v1alpha1_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

// api asks the API server that validates what the tests send.
var api client.Client

func TestMain(m *testing.M) {
	os.Exit(testenv.Run(m, func(_ context.Context, config *rest.Config) error {
		s := runtime.NewScheme()
		utilruntime.Must(scheme.AddToScheme(s))
		utilruntime.Must(v1alpha1.AddToScheme(s))
		var err error
		api, err = client.New(config, client.Options{Scheme: s})
		return err
	}))
}

// refused compares what the API server says of an object with the field that it should refuse; none if it should accept the object.
func refused(t *testing.T, err error, field string) {
	t.Helper()
	if field == "" {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	status, ok := errors.AsType[*apierrors.StatusError](err)
	if !ok || !apierrors.IsInvalid(err) {
		t.Fatalf("got error %v, want the field %s to be invalid", err, field)
	}
	var fields []string
	for _, c := range status.Status().Details.Causes {
		fields = append(fields, c.Field)
	}
	if !slices.Contains(fields, field) {
		t.Errorf("refused for %q, want for %s: %v", fields, field, err)
	}
}

func repeat(n int) string { return strings.Repeat("a", n) }
