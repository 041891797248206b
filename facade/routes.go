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
	containers := engine.Group("/api/containers/:org", mw.WhenReady(s.store.Synced), auth.Authenticate(s.store))
	handlers := &appHandlers{platform: s.platform, apps: s.store}
	logs := &logHandlers{apps: s.store, logs: s.logs, ending: s.ending}
	for _, route := range []struct {
		method, path   string
		verb, resource string
		status         int
		handler        web.Handler
	}{
		{http.MethodGet, "/apps", "list", "apps", http.StatusOK, handlers.list},
		{http.MethodPost, "/apps", "create", "apps", http.StatusCreated, handlers.create},
		{http.MethodGet, "/apps/:app", "get", "apps", http.StatusOK, handlers.get},
		{http.MethodPost, "/apps/:app", "patch", "apps", http.StatusCreated, handlers.restart},
		{http.MethodPut, "/apps/:app", "patch", "apps", http.StatusOK, handlers.put},
		{http.MethodDelete, "/apps/:app", "delete", "apps", http.StatusNoContent, handlers.delete},
		{http.MethodGet, "/apps/:app/logs", "get", "pods/log", http.StatusOK, logs.get},
	} {
		// Both forms are served directly: a redirect would lose the body of a POST in many a client.
		for _, path := range []string{route.path, route.path + "/"} {
			containers.Handle(route.method, path, auth.Require(s.authorizer, route.verb, route.resource), web.Handle(route.status, route.handler))
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
