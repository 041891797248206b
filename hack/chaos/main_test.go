package chaos

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/berth-dev/berth/controllers"
	"github.com/berth-dev/berth/internal/rbac"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

var (
	seed       = flag.Uint64("seed", 0, "what chance begins with; 0 for another one each time")
	long       = flag.Bool("long", false, "go through more of everything")
	verbose    = flag.Bool("logs", false, "show what operator and facade log")
	reportFile = flag.String("report", "", "a file, Markdown or JSON by its name, for the table")
)

// suite is what all cases share: a control plane with what it hasn't played by stand-ins.
var suite struct {
	plane *plane
	// api is an administrator's client, without a cache.
	api client.WithWatch
	// admin is an administrator, and operator and facade are what those may be.
	admin, operator, facade *rest.Config
	// issuer signs certificates.
	issuer *issuer
	report report
}

func TestMain(m *testing.M) {
	flag.Parse()
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	fmt.Fprintf(os.Stdout, "seed %d\n", *seed)
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		return 0, errors.New("KUBEBUILDER_ASSETS isn't set: it names the folder with the programs of Kubernetes; `make chaos` sets it")
	}
	dir, err := os.MkdirTemp("", "berth-chaos-")
	if err != nil {
		return 0, err
	}
	// Or AWS's library asks the cloud that this may run in, and keeps connections there.
	if err := os.Setenv("AWS_EC2_METADATA_DISABLED", "true"); err != nil {
		return 0, err
	}
	metrics.Registry = severalRegistry{metrics.Registry}
	setLogs()
	ctx, cancel := context.WithCancel(context.Background())
	suite.plane, err = startPlane(ctx, dir, assets)
	if suite.plane != nil {
		defer func() { err = errors.Join(err, suite.plane.stop(), os.RemoveAll(dir)) }()
	}
	defer cancel()
	if err != nil {
		return 0, err
	}
	if err := setUp(ctx); err != nil {
		return 0, err
	}
	begun := time.Now()
	code = m.Run()
	return code, suite.report.write(*reportFile, *seed, *long, time.Since(begun))
}

// setLogs has the libraries say nothing: faults are what is wanted.
func setLogs() {
	to := io.Discard
	if *verbose {
		to = os.Stderr
	}
	handler := slog.NewTextHandler(to, nil)
	ctrl.SetLogger(logr.FromSlogHandler(handler))
	klog.SetSlogLogger(slog.New(handler))
}

// setUp installs what Berth needs, and starts what a cluster has beside it.
func setUp(ctx context.Context) error {
	var err error
	if suite.admin, err = suite.plane.config(); err != nil {
		return err
	}
	if suite.api, err = client.NewWithWatch(suite.admin, client.Options{Scheme: controllers.Scheme()}); err != nil {
		return err
	}
	if err := testenv.InstallCRDs(suite.admin); err != nil {
		return err
	}
	if err := suite.plane.start(controllerProgram); err != nil { // It collects the garbage only of kinds that were there before it.
		return err
	}
	for _, setup := range []testenv.Setup{testenv.InstallRights, testenv.AwaitPolicies, startStandIns} {
		if err := setup(ctx, rest.CopyConfig(suite.admin)); err != nil {
			return err
		}
	}
	if suite.operator, err = testenv.ServiceAccount(ctx, suite.admin, rbac.ServiceAccountOperator); err != nil {
		return err
	}
	suite.facade, err = testenv.ServiceAccount(ctx, suite.admin, rbac.ServiceAccountFacade)
	return err
}

// chance returns a source of chance for a case, which is the same for the same seed.
func chance(of string) *rand.Rand {
	var number uint64
	for _, letter := range of {
		number = number*31 + uint64(letter)
	}
	return rand.New(rand.NewPCG(*seed, number))
}
