package main

import (
	"context"
	"os"
	"testing"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/internal/testing/testenv"
)

// api asks the API server that is to accept the manifests.
var api client.Client

func TestMain(m *testing.M) {
	os.Exit(testenv.Run(m, func(_ context.Context, config *rest.Config) error {
		var err error
		api, err = client.New(config, client.Options{})
		return err
	}))
}
