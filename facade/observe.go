package facade

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"

	"github.com/berth-dev/berth/facade/internal/metrics"
	"github.com/berth-dev/berth/facade/internal/mw"
	"github.com/berth-dev/berth/facade/internal/requestid"
	"github.com/berth-dev/berth/internal/tracing"
)

// first is what each request passes before anything may refuse it.
func (s *Server) first() []gin.HandlerFunc {
	lines := mw.NewLines(s.log, s.options.Edge.AnonymousLines, s.metrics.NotLogged)
	all := []gin.HandlerFunc{s.limitRequests(), mw.CloseWhen(s.stopping.Load), s.metrics.Requests(), mw.BoundLines(lines)}
	if s.options.Tracer != nil {
		all = append(all, mw.Trace(s.options.Tracer, s.options.TrustedProxies))
	}
	return append(all, mw.StrictTransport(s.options.HSTSMaxAge), s.linkPublicly, s.pages.Prepare)
}

// observed returns a configuration whose clients have each request to the API server counted and traced, and named in the API server's audit
// log by the id of the request that it is made for.
func observed(config *rest.Config, counts *metrics.Metrics, log *slog.Logger) *rest.Config {
	config = rest.CopyConfig(config)
	config.Wrap(counts.Calls)
	config.Wrap(tracing.Calls)
	config.Wrap(requestid.Audited)
	config.WarningHandlerWithContext = warnings{log}
	return config
}

// warnings logs those that the API server adds to its answers, each under the request that it was about.
type warnings struct{ log *slog.Logger }

// HandleWarningHeaderWithContext logs a warning; 299 is the code of those that are for people.
func (w warnings) HandleWarningHeaderWithContext(ctx context.Context, code int, _, text string) {
	if code == 299 && text != "" {
		w.log.InfoContext(ctx, "the API server warns", "warning", text)
	}
}

// serveMetrics serves the metrics, if that is wanted, until the function that it returns is called.
func (s *Server) serveMetrics(group *errgroup.Group) (end func()) {
	if s.options.MetricsListener == nil {
		return func() {}
	}
	server := &http.Server{Handler: s.metrics.Handler(), ReadTimeout: probeTimeout, WriteTimeout: metricsTimeout}
	group.Go(func() error { return closed(server.Serve(s.options.MetricsListener)) })
	return func() { _ = server.Close() }
}
