package facade

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/auth"
	"github.com/berth-dev/berth/facade/internal/mw"
	"github.com/berth-dev/berth/facade/internal/podlogs"
	"github.com/berth-dev/berth/facade/internal/translate"
	"github.com/berth-dev/berth/facade/internal/web"
	"github.com/berth-dev/berth/facade/internal/wire"
)

// resourceLogs is what reading logs is a right to.
const resourceLogs = "pods/log"

// recheckInterval is how often it is asked whether somebody who follows a log still may.
const recheckInterval = 5 * time.Second

const (
	defaultTail = 100
	maxTail     = 10_000
	// defaultHeartbeat is less than the idle time after which proxies close a connection, which is 30 seconds or more.
	defaultHeartbeat = 15 * time.Second
	minHeartbeat     = time.Second
)

// appWatcher is where apps are found, and where it is known when an app or a key is gone; store.Store says how.
type appWatcher interface {
	Get(ctx context.Context, organization, slug string) (translate.Observed, error)
	AwaitGone(ctx context.Context, app *v1alpha1.App)
	AwaitRevoked(ctx context.Context, keyID, organization string)
}

// logReader is where the output of an App is read; podlogs.Reader says how.
type logReader interface {
	Read(ctx context.Context, app *v1alpha1.App, options podlogs.Options) (string, error)
	Follow(ctx context.Context, app *v1alpha1.App, options podlogs.Options, write io.Writer) error
}

// logHandlers serve the calls about logs.
type logHandlers struct {
	apps appWatcher
	logs logReader
	// authorizer says whether who follows still may.
	authorizer auth.Authorizer
	// ending is closed when followers have to go.
	ending <-chan struct{}
	shares *shares
}

func (h *logHandlers) get(c *gin.Context) (any, error) {
	ctx := c.Request.Context()
	observed, err := h.apps.Get(ctx, c.Param("org"), c.Param("app"))
	if err != nil {
		return nil, err
	}
	options, follow, err := logOptions(c.Request.URL.Query(), time.Now())
	if err != nil {
		return nil, err
	}
	if err := h.shares.log(ctx, c.Param("org")); err != nil {
		return nil, err
	}
	options.Current = func(ctx context.Context) *v1alpha1.App {
		now, err := h.apps.Get(ctx, c.Param("org"), c.Param("app"))
		if err != nil {
			return nil
		}
		return now.App
	}
	if !follow {
		return h.read(ctx, observed.App, options)
	}
	stream, end, err := h.shares.follow(ctx, c.Param("org"))
	if err != nil {
		return nil, err
	}
	mw.Lasts(c)
	context.AfterFunc(ctx, end) // Also if the answer is not streamed, as that to HEAD.
	options.Stream = stream
	return web.Stream(func(write io.Writer) error {
		return h.follow(ctx, auth.ActionOf(c, "get", resourceLogs), observed.App, options, write)
	}), nil
}

// read returns the last lines, when it is the organization's turn.
func (h *logHandlers) read(ctx context.Context, app *v1alpha1.App, options podlogs.Options) (any, error) {
	leave, err := join(ctx, h.shares.reads, app.Namespace, "Too many logs of the organization are being read. Read one after another.")
	if err != nil {
		return nil, err
	}
	defer leave()
	if err := h.shares.turn(ctx, app.Namespace, patience); err != nil {
		return nil, err
	}
	content, err := h.logs.Read(ctx, app, options)
	if err != nil {
		return nil, err
	}
	return wire.Logs{Content: content}, h.shares.reserve(ctx, app.Namespace, len(content), len(content))
}

// follow goes on until the client, its key, its right to do so, the app or the server goes.
func (h *logHandlers) follow(ctx context.Context, action auth.Action, app *v1alpha1.App, options podlogs.Options, write io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		h.apps.AwaitGone(ctx, app)
		cancel()
	}()
	go func() {
		h.apps.AwaitRevoked(ctx, auth.FromContext(ctx).ID, action.Organization)
		cancel()
	}()
	go func() {
		h.awaitRefusal(ctx, action)
		cancel()
	}()
	go func() {
		select {
		case <-h.ending:
			cancel()
		case <-ctx.Done():
		}
	}()
	return h.logs.Follow(ctx, app, options, write)
}

// awaitRefusal returns when whoever acts in ctx may do something no more, or ctx ends. That nobody can be asked at the moment is no refusal.
func (h *logHandlers) awaitRefusal(ctx context.Context, action auth.Action) {
	ticker := time.NewTicker(recheckInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if _, refused := errors.AsType[*apierr.Error](h.authorizer.Authorize(ctx, auth.FromContext(ctx), action)); refused {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// logOptions reads the query of a call for logs. The error is a 400 that names each parameter that is wrong.
func logOptions(query url.Values, now time.Time) (options podlogs.Options, follow bool, err error) {
	problems := apierr.Fields{}
	options.Tail = defaultTail
	if tail := query.Get("tail"); tail != "" {
		options.Tail, err = strconv.Atoi(tail)
		if err != nil || options.Tail < 0 || options.Tail > maxTail {
			problems.Add("tail", fmt.Sprintf("A number of lines from 0 to %d is wanted.", maxTail))
		}
	}
	if since := query.Get("since"); since != "" {
		options.Since, err = parseSince(since, now)
		if err != nil {
			problems.Add("since", "A duration such as 90s or 1h30m, or a time such as 2026-01-02T15:04:05Z, is wanted.")
		}
	}
	options.Heartbeat, err = parseHeartbeat(query.Get("heartbeat"))
	if err != nil {
		problems.Add("heartbeat", fmt.Sprintf("Must be a duration of at least %s, such as 15s, or 0 for none.", minHeartbeat))
	}
	notes := true
	for name, to := range map[string]*bool{"previous": &options.Previous, "follow": &follow, "notes": &notes} {
		if value := query.Get(name); value != "" {
			*to, err = strconv.ParseBool(value)
			if err != nil {
				problems.Add(name, "true or false is wanted.")
			}
		}
	}
	options.WithoutNotes = !notes
	if options.Previous && follow {
		problems.Add("follow", "Containers that have ended can't be followed: leave previous out.")
	}
	return options, follow, problems.Err()
}

// parseSince reads a time, or how long it is before now.
func parseSince(since string, now time.Time) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, since); err == nil {
		if year := at.UTC().Year(); year < 0 || year > 9999 { // Its zone has taken it where RFC 3339 has no year.
			return time.Time{}, fmt.Errorf("not a time: %q", since)
		}
		return at, nil
	}
	ago, err := time.ParseDuration(since)
	if err != nil || ago < 0 {
		return time.Time{}, fmt.Errorf("not a duration: %q", since)
	}
	return now.Add(-ago), nil
}

// parseHeartbeat reads after how long without a line an empty one is sent; 0 is never.
func parseHeartbeat(heartbeat string) (time.Duration, error) {
	if heartbeat == "" {
		return defaultHeartbeat, nil
	}
	pause, err := time.ParseDuration(heartbeat)
	if err != nil || pause != 0 && pause < minHeartbeat {
		return 0, fmt.Errorf("not a heartbeat: %q", heartbeat)
	}
	return pause, nil
}
