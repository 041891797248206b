// Package reconciler holds what all controllers share: clients, the organization that an object lives in, rights, backoff and instrumentation.
package reconciler

import (
	"sync"

	"go.opentelemetry.io/otel/trace"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/controllers/internal/ecr"
	"github.com/berth-dev/berth/controllers/internal/image"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	"github.com/berth-dev/berth/internal/host"
	"github.com/berth-dev/berth/internal/policy"
)

// Base is what every controller has.
type Base struct {
	// Client reads from the caches, which hold nothing secret.
	Client client.Client
	// Live reads from the API server.
	Live     client.Reader
	Recorder events.EventRecorder
	Clock    clock.PassiveClock
	Platform resources.Platform
	// Rules say which hosts are the platform's own.
	Rules host.Rules
	// Registries say which registries are internal, and which of these every organization may pull from.
	Registries policy.Registries
	// Never are the Namespaces that cannot become organizations, Berth's own included, beside system Namespaces.
	Never []string
	// ProofByDefault is true if organizations have to prove that they own their hosts, unless their policy says otherwise.
	ProofByDefault bool
	// Tokens are those for registries of Amazon ECR, for all Apps.
	Tokens *ecr.Tokens
	// Images asks registries what images are; nil if they are not to be asked.
	Images *image.Resolver
	// Rights are what the API server has said last of the controllers' rights in young organizations, by Namespace; see RequireRights.
	Rights *sync.Map
	// Refusals say when that for which the API server refuses something is looked at again.
	Refusals workqueue.TypedRateLimiter[types.UID]
	// Contests are what others change of the controllers' objects.
	Contests *ssa.Contests
	// Journal reports deletes and adoptions.
	Journal *ssa.Journal
	// Tracer is nil if nothing is traced.
	Tracer trace.Tracer
}
