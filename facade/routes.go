package facade

import (
	"log/slog"
	"net/http"
	"net/netip"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/auth"
	"github.com/berth-dev/berth/facade/internal/mw"
	"github.com/berth-dev/berth/facade/internal/web"
)

// maxBody is the most that a request's body may have. The largest that an app can take is an environment of 1000 KiB, which encoding and
// escaping can make larger.
const maxBody = 2 << 20

// prefix is what the path of every call begins with.
const prefix = "/api"

// route is one call of the API.
type route struct {
	method, path string
	// verb and resource are what the call does, in the words of the API server.
	verb, resource string
	// status is that of a success.
	status  int
	handler web.Handler
}

// routes are all calls of the API, by method and path.
type routes []route

// describe says what a request does by its route; nothing if it is none of these.
func (all routes) describe(c *gin.Context) auth.Action {
	path := "/" + strings.Trim(strings.TrimPrefix(c.FullPath(), prefix), "/")
	for _, r := range all {
		if r.method == c.Request.Method && r.path == path {
			return auth.ActionOf(c, r.verb, r.resource)
		}
	}
	return auth.Action{}
}

// router returns the handler of every route.
func (s *Server) router() *gin.Engine {
	all := s.routes()
	engine := newEngine(s.log, all.describe, s.options.TrustedProxies, s.first()...)
	contract := docHandlers{docs: s.docs}
	engine.GET(prefix, contract.page)
	engine.GET(prefix+"/", contract.page)
	engine.GET(prefix+"/openapi.json", contract.contract)
	ready := mw.WhenReady(s.store.Synced)
	s.pages.Routes(engine, ready)
	calls := engine.Group(prefix, ready, auth.Authenticate(s.store, s.options.Limits.forAuth(), s.metrics.Authenticated))
	for _, r := range all {
		// Both forms are served directly: a redirect would lose the body of a POST in many a client.
		for _, path := range []string{r.path, r.path + "/"} {
			calls.Handle(r.method, path, auth.Require(s.authorizer, r.verb, r.resource), s.shares.bound, web.Handle(r.status, r.handler))
		}
	}
	return engine
}

func (s *Server) routes() routes {
	apps := &appHandlers{platform: s.platform, apps: s.store, shares: s.shares, reviews: s.authorizer}
	logs := &logHandlers{apps: s.store, logs: s.logs, authorizer: s.authorizer, ending: s.ending, shares: s.shares}
	domains := &domainHandlers{platform: s.platform, domains: s.store, shares: s.shares}
	mails := &mailHandlers{platform: s.platform, password: s.options.Mail.Password, domains: s.store, mailer: s.mailer, ending: s.ending}
	return routes{
		{http.MethodGet, "/containers/:org/apps", "list", "apps", http.StatusOK, apps.list},
		{http.MethodPost, "/containers/:org/apps", "create", "apps", http.StatusCreated, apps.create},
		{http.MethodGet, "/containers/:org/apps/:app", "get", "apps", http.StatusOK, apps.get},
		{http.MethodPost, "/containers/:org/apps/:app", "patch", "apps", http.StatusCreated, apps.restart},
		{http.MethodPut, "/containers/:org/apps/:app", "patch", "apps", http.StatusOK, apps.put},
		{http.MethodDelete, "/containers/:org/apps/:app", "delete", "apps", http.StatusNoContent, apps.delete},
		{http.MethodGet, "/containers/:org/apps/:app/logs", "get", resourceLogs, http.StatusOK, logs.get},
		{http.MethodGet, "/domains", "list", "domains", http.StatusOK, domains.list},
		{http.MethodPost, "/domains", "create", "domains", http.StatusCreated, domains.create},
		{http.MethodGet, "/domains/:org", "list", "domains", http.StatusOK, domains.list},
		{http.MethodPost, "/domains/:org", "create", "domains", http.StatusCreated, domains.create},
		{http.MethodGet, "/domains/:org/:domain", "get", "domains", http.StatusOK, domains.get},
		{http.MethodPut, "/domains/:org/:domain", "patch", "domains", http.StatusOK, domains.put},
		{http.MethodDelete, "/domains/:org/:domain/certificates", "patch", "domains", http.StatusNoContent, domains.deleteCertificate},
		{http.MethodPost, "/domains/:org/:domain/newcert", "patch", "domains", http.StatusCreated, domains.newKey},
		{http.MethodPost, "/domains/:org/:domain/test-email", "create", "domains/test-email", http.StatusCreated, mails.testDomain},
		{http.MethodPost, "/notifications/:org/test-email", "create", "domains/test-email", http.StatusCreated, mails.testOrganization},
	}
}

// newEngine returns a gin engine with no route, whose errors are the API's. A request's address is that of its connection or, if that is one of
// the proxies', the last one that a proxy says and that is no proxy's. What requests do, describe says to the log.
// What is given first runs before whatever may refuse a request.
func newEngine(log *slog.Logger, describe func(*gin.Context) auth.Action, proxies []netip.Prefix, first ...gin.HandlerFunc) *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.RedirectTrailingSlash = false
	engine.HandleMethodNotAllowed = true
	engine.RemoteIPHeaders = []string{"X-Forwarded-For"}
	networks := make([]string, 0, len(proxies))
	for _, proxy := range proxies {
		networks = append(networks, proxy.String())
	}
	if err := engine.SetTrustedProxies(networks); err != nil {
		panic(err) // A network is written as one reads it.
	}
	engine.Use(mw.RequestID(proxies...), mw.Headers())
	engine.Use(first...)
	engine.Use(mw.Log(log, describe), mw.Recover(log), mw.LimitBody(maxBody), mw.RefuseOtherSites())
	engine.NoRoute(func(c *gin.Context) { web.Fail(c, apierr.NotFound()) })
	engine.NoMethod(func(c *gin.Context) { web.Fail(c, apierr.MethodNotAllowed(c.Request.Method)) })
	return engine
}
