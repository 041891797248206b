package profile

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/berth-dev/berth/facade/internal/signin"
	"github.com/berth-dev/berth/facade/internal/web"
	"github.com/berth-dev/berth/facade/internal/wire"
	"github.com/berth-dev/berth/internal/apikey"
)

// detailed is how many organizations are shown with all their keys on one page. Of more, there are links.
const detailed = 5

// index shows a person's organizations, or where to sign in.
func (p *Pages) index(c *gin.Context) error {
	session, ok := p.options.SignIn.Session(c.Request)
	if !ok {
		p.show(c, http.StatusOK, pageWelcome, page{Title: "API keys", Content: c.Query("ended") != ""})
		return nil
	}
	view, err := p.indexView(c, session)
	if err != nil {
		return err
	}
	p.showTo(c, session, http.StatusOK, pageIndex, "API keys", view)
	return nil
}

func (p *Pages) indexView(c *gin.Context, session signin.Session) (indexView, error) {
	ctx, r := c.Request.Context(), p.rights(session.Person)
	view := indexView{Query: strings.TrimSpace(c.Query("organization")), Filter: filterOf(c)}
	all, err := p.organizations(ctx, session.Person)
	if err != nil {
		return view, err
	}
	view.Search = len(all) > 1
	found := matching(all, view.Query)
	if len(found) > detailed {
		view.Links, err = links(c, session.Person, found)
		return view, err
	}
	for _, name := range found {
		shown, err := p.organizationView(ctx, r, name)
		if err != nil {
			return view, err
		}
		shown.Form, shown.Open = p.newForm(session), len(found) == 1
		view.Organizations = append(view.Organizations, shown)
	}
	if view.Notice = p.notice(c, session); view.Query == "" {
		if view.Others, err = p.others(ctx, r, all); err != nil {
			return view, err
		}
	}
	view.sift()
	return view, nil
}

// organizations are the names of those that a person is in: all that there are for host staff.
func (p *Pages) organizations(ctx context.Context, person signin.Person) ([]string, error) {
	all, err := p.options.Store.Organizations(ctx)
	if err != nil || person.Host() {
		return all, err
	}
	memberships := person.Memberships()
	return slices.DeleteFunc(slices.Clone(all), func(name string) bool { return len(memberships[name]) == 0 }), nil
}

// matching are the names that a query finds: the one that it is, or else those that it is a part of.
func matching(names []string, query string) []string {
	query = strings.ToLower(query)
	if slices.Contains(names, query) {
		return []string{query}
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !strings.Contains(name, query) })
}

// links are the page of many organizations that a request asks for.
func links(c *gin.Context, person signin.Person, names []string) (page wire.Page[linkView], err error) {
	request, err := web.ParsePage(c.Request)
	if err != nil {
		return page, err
	}
	first, end, err := request.Window(len(names))
	if err != nil {
		return page, err
	}
	var shown []linkView
	for _, name := range names[first:end] {
		shown = append(shown, linkView{Name: name, Role: roleIn(person, name)})
	}
	return web.Page(request, len(names), shown), nil
}

// others are the person's keys that hold in none of their organizations.
func (p *Pages) others(ctx context.Context, r *rights, mine []string) ([]keyView, error) {
	var views []keyView
	for _, key := range slices.Backward(p.options.Store.KeysOf(r.person.Address, r.person.Account)) {
		if slices.ContainsFunc(key.Organizations, func(name string) bool { return slices.Contains(mine, name) }) {
			continue
		}
		view, err := p.keyView(ctx, r, key, "")
		if err != nil {
			return nil, err
		}
		views = append(views, view)
	}
	return views, nil
}

// revoked is the query of the page that says that a key was revoked, and what it was for.
func (p *Pages) revoked(session signin.Session, key apikey.Key) url.Values {
	return url.Values{"revoked": {key.ID}, "was": {key.Description}, "proof": {p.revokedProof(session, key.ID, key.Description)}}
}

func (p *Pages) revokedProof(session signin.Session, id, description string) string {
	return base64.RawURLEncoding.EncodeToString(p.options.SignIn.MAC("revoked", session.ID, id, description))
}

// notice says that a key was revoked, if there is none with this id: what a link says, whoever made it, may be wrong. What the key was for is
// said if the link is one of this session's.
func (p *Pages) notice(c *gin.Context, session signin.Session) string {
	id, was := c.Query("revoked"), c.Query("was")
	if !keyIDs.MatchString(id) {
		return ""
	}
	if _, err := p.options.Store.KeyByID(id); err == nil {
		return ""
	}
	notice := "The key " + id + " is revoked: it works no more."
	if was != "" && hmac.Equal([]byte(c.Query("proof")), []byte(p.revokedProof(session, id, was))) {
		notice = "“" + was + "” works no more. The key " + id + " is revoked."
	}
	return notice
}
