package facade

import (
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/auth"
	"github.com/berth-dev/berth/facade/internal/mw"
	"github.com/berth-dev/berth/facade/internal/web"
)

// maxBody is the most that a request's body may have. The largest that an app can take is an environment of 1000 KiB, which encoding and
// escaping can make larger.
const maxBody = 2 << 20

// router returns the handler of every route of the API.
func (s *Server) router() *gin.Engine {
	engine := newEngine(s.log)
	contract := docHandlers{docs: s.docs}
	engine.GET("/api", contract.page)
	engine.GET("/api/", contract.page)
	engine.GET("/api/openapi.json", contract.contract)
	apps := &appHandlers{platform: s.platform, apps: s.store}
	logs := &logHandlers{apps: s.store, logs: s.logs, ending: s.ending}
	domains := &domainHandlers{platform: s.platform, domains: s.store}
	mails := &mailHandlers{platform: s.platform, password: s.options.Mail.Password, domains: s.store, mailer: s.mailer}
	calls := engine.Group("/api", mw.WhenReady(s.store.Synced), auth.Authenticate(s.store))
	for _, route := range []struct {
		method, path   string
		verb, resource string
		status         int
		handler        web.Handler
	}{
		{http.MethodGet, "/containers/:org/apps", "list", "apps", http.StatusOK, apps.list},
		{http.MethodPost, "/containers/:org/apps", "create", "apps", http.StatusCreated, apps.create},
		{http.MethodGet, "/containers/:org/apps/:app", "get", "apps", http.StatusOK, apps.get},
		{http.MethodPost, "/containers/:org/apps/:app", "patch", "apps", http.StatusCreated, apps.restart},
		{http.MethodPut, "/containers/:org/apps/:app", "patch", "apps", http.StatusOK, apps.put},
		{http.MethodDelete, "/containers/:org/apps/:app", "delete", "apps", http.StatusNoContent, apps.delete},
		{http.MethodGet, "/containers/:org/apps/:app/logs", "get", "pods/log", http.StatusOK, logs.get},
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
	} {
		// Both forms are served directly: a redirect would lose the body of a POST in many a client.
		for _, path := range []string{route.path, route.path + "/"} {
			calls.Handle(route.method, path, auth.Require(s.authorizer, route.verb, route.resource), web.Handle(route.status, route.handler))
		}
	}
	return engine
}

// newEngine returns a gin engine with no route, whose errors are the API's.
func newEngine(log *slog.Logger) *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.RedirectTrailingSlash = false
	engine.HandleMethodNotAllowed = true
	// Nothing reads the client's address but the log, which has that of the connection.
	_ = engine.SetTrustedProxies(nil)
	engine.Use(mw.RequestID(), mw.Headers(), mw.Log(log), mw.Recover(log), mw.LimitBody(maxBody), mw.RefuseOtherSites())
	engine.NoRoute(func(c *gin.Context) { web.Fail(c, apierr.NotFound()) })
	engine.NoMethod(func(c *gin.Context) { web.Fail(c, apierr.MethodNotAllowed(c.Request.Method)) })
	return engine
}
