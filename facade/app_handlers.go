package facade

import (
	"context"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/auth"
	"github.com/berth-dev/berth/facade/internal/mw"
	"github.com/berth-dev/berth/facade/internal/store"
	"github.com/berth-dev/berth/facade/internal/translate"
	"github.com/berth-dev/berth/facade/internal/web"
	"github.com/berth-dev/berth/facade/internal/wire"
)

// appStore is where apps are read and written; store.Store says how.
type appStore interface {
	Organization(ctx context.Context, name string) error
	List(ctx context.Context, organization string, window func(total int) (first, end int, err error)) ([]translate.Observed, int, error)
	Get(ctx context.Context, organization, slug string) (translate.Observed, error)
	EnvOf(ctx context.Context, app translate.Observed) (translate.Observed, error)
	Exists(ctx context.Context, organization, slug string) error
	Create(ctx context.Context, organization string, body wire.AppBody) (translate.Observed, error)
	Change(ctx context.Context, organization, slug string, plan store.Planner) (translate.Observed, error)
	Delete(ctx context.Context, organization, slug string) error
}

// resourceEnv is what seeing the values of an app's variables is a right to. The API server has no such resource.
const resourceEnv = "apps/env"

// accessReviewer says what a principal may do; auth.Reviews says how.
type accessReviewer interface {
	May(ctx context.Context, principal auth.Principal, action auth.Action) (bool, error)
}

// appHandlers serve the calls about apps.
type appHandlers struct {
	platform translate.Platform
	apps     appStore
	shares   *shares
	// reviews say who sees the values of variables.
	reviews accessReviewer
}

// hidesValues reports whether the caller may not see the values of variables in the organization. The right is to those of all its apps, whatever app
// is asked for: a client that read "" in a list would otherwise set what it may see of one app to that. It is asked once for a request, so that all of
// an answer agrees.
func (h *appHandlers) hidesValues(c *gin.Context) (bool, error) {
	ctx := c.Request.Context()
	may, err := h.reviews.May(ctx, auth.FromContext(ctx), auth.Action{Verb: "get", Resource: resourceEnv, Organization: c.Param("org")})
	return !may, err
}

func (h *appHandlers) list(c *gin.Context) (any, error) {
	request, err := web.ParsePage(c.Request)
	if err != nil {
		return nil, err
	}
	hidden, err := h.hidesValues(c)
	if err != nil {
		return nil, err
	}
	observed, total, err := h.apps.List(c.Request.Context(), c.Param("org"), request.Window)
	if err != nil {
		return nil, err
	}
	return pageOf(c, h.shares, h.shown(hidden), request, total, observed)
}

// shown is how an app is answered, with the values of its variables or without.
func (h *appHandlers) shown(hidden bool) shown[wire.App] {
	hide := func(o translate.Observed) translate.Observed {
		o.ValuesHidden = hidden
		return o
	}
	complete := h.apps.EnvOf
	if hidden {
		complete = nil
	}
	return shown[wire.App]{
		complete: complete,
		size:     func(o translate.Observed) int { return translate.SizeOfApp(hide(o)) },
		show:     func(o translate.Observed) wire.App { return translate.ToWire(h.platform, hide(o)) },
	}
}

func (h *appHandlers) get(c *gin.Context) (any, error) {
	hidden, err := h.hidesValues(c)
	if err != nil {
		return nil, err
	}
	observed, err := h.apps.Get(c.Request.Context(), c.Param("org"), c.Param("app"))
	return read(c, h.shares, h.shown(hidden), observed, err)
}

func (h *appHandlers) create(c *gin.Context) (any, error) {
	// What doesn't exist is told before what is wrong with the body.
	if err := h.apps.Organization(c.Request.Context(), c.Param("org")); err != nil {
		return nil, err
	}
	members, err := web.Bind(c.Request)
	if err != nil {
		return nil, err
	}
	body, err := wire.ParseApp(members)
	if err != nil {
		return nil, err
	}
	hidden, err := h.hidesValues(c)
	if err != nil {
		return nil, err
	}
	if err := h.shares.answer(c, 0, 0); err != nil {
		return nil, err
	}
	observed, err := h.apps.Create(c.Request.Context(), c.Param("org"), body)
	if err == nil {
		mw.Made(c, observed.App.Namespace, observed.App.Name)
	}
	return written(h.shown(hidden), observed, err)
}

func (h *appHandlers) put(c *gin.Context) (any, error) { return h.change(c, false) }

func (h *appHandlers) restart(c *gin.Context) (any, error) { return h.change(c, true) }

func (h *appHandlers) change(c *gin.Context, restart bool) (any, error) {
	if err := h.apps.Exists(c.Request.Context(), c.Param("org"), c.Param("app")); err != nil {
		return nil, err
	}
	members, err := web.Bind(c.Request)
	if err != nil {
		return nil, err
	}
	if err := keepSlug(members, c.Param("app"), restart); err != nil {
		return nil, err
	}
	body, err := wire.ParseApp(members)
	if err != nil {
		return nil, err
	}
	force, err := forced(c)
	if err != nil {
		return nil, err
	}
	hidden, err := h.hidesValues(c)
	if err != nil {
		return nil, err
	}
	before, err := h.apps.Get(c.Request.Context(), c.Param("org"), c.Param("app"))
	if err := beforeWrite(c, h.shares, h.shown(hidden), before, err); err != nil {
		return nil, err
	}
	plan := func(platform translate.Platform, observed translate.Observed, fresh translate.Fresh) (translate.Plan, error) {
		fresh.Force = force
		observed.ValuesHidden = hidden
		return translate.Change(platform, observed, body, restart, fresh)
	}
	observed, err := h.apps.Change(c.Request.Context(), c.Param("org"), c.Param("app"), plan)
	return written(h.shown(hidden), observed, err)
}

// keepSlug removes the slug from a body, in which clients send back what they read. In a PUT, the error is a 400 if it is another app's.
func keepSlug(members map[string]any, app string, restart bool) error {
	defer delete(members, wire.FieldSlug)
	if restart {
		return nil
	}
	slug, err := wire.ParseSlug(members)
	if err == nil && slug != "" && slug != app {
		err = apierr.Field(wire.FieldSlug, "The slug of an app cannot be changed. Leave it out, or create another app.")
	}
	return err
}

// forced reports whether a change is to take over fields that others have set.
func forced(c *gin.Context) (bool, error) {
	text, found := c.GetQuery("force")
	if !found {
		return false, nil
	}
	force, err := strconv.ParseBool(text)
	if err != nil {
		return false, apierr.Field("force", "Must be true or false.")
	}
	return force, nil
}

func (h *appHandlers) delete(c *gin.Context) (any, error) {
	return nil, h.apps.Delete(c.Request.Context(), c.Param("org"), c.Param("app"))
}
