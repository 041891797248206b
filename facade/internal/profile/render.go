package profile

import (
	"bytes"
	"cmp"
	"embed"
	"html/template"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/signin"
)

//go:embed *.html
var files embed.FS

var functions = template.FuncMap{
	"time":    func(at time.Time) string { return at.UTC().Format("2 January 2006, 15:04 UTC") },
	"date":    func(at time.Time) string { return at.UTC().Format("2 January 2006") },
	"clock":   func(at time.Time) string { return at.UTC().Format("15:04 UTC") },
	"machine": func(at time.Time) string { return at.UTC().Format(time.RFC3339) },
}

// The pages, each inside the layout.
var (
	pageIndex   = parse("index.html")
	pageWelcome = parse("welcome.html")
	pageMade    = parse("made.html")
	pageRevoke  = parse("revoke.html")
	pageRotate  = parse("rotate.html")
	pageExclude = parse("exclude.html")
	pageError   = parse("error.html")
)

func parse(name string) *template.Template {
	return template.Must(template.New("layout.html").Funcs(functions).ParseFS(files, "layout.html", name))
}

// page is what a template gets.
type page struct {
	// Title is that of the page, and its heading.
	Title string
	// Style is the path of the style.
	Style string
	// Person has signed in; nil if nobody has.
	Person *signin.Person
	// Until is when they have to sign in again.
	Until time.Time
	// Form is what a form of the page carries.
	Form string
	// Content is what the page is about.
	Content any
}

// show answers with a page.
func (p *Pages) show(c *gin.Context, status int, t *template.Template, content page) {
	content.Style = p.stylePath
	var rendered bytes.Buffer
	if err := t.Execute(&rendered, content); err != nil {
		_ = c.Error(err)
		c.Data(http.StatusInternalServerError, "text/plain; charset=utf-8", []byte("Internal server error."))
		return
	}
	c.Data(status, "text/html; charset=utf-8", rendered.Bytes())
}

// showTo answers with a page to somebody who has signed in.
func (p *Pages) showTo(c *gin.Context, session signin.Session, status int, t *template.Template, title string, content any) {
	p.show(c, status, t, page{Title: title, Person: &session.Person, Until: session.Ends, Form: p.newForm(session), Content: content})
}

// failure is what the page of an error shows.
type failure struct {
	Detail, RequestID string
	// SignIn is true if the person hasn't signed in, and can.
	SignIn bool
}

// titles are those of pages of errors, in the words of somebody who doesn't know HTTP.
var titles = map[int]string{
	http.StatusBadRequest:          "This didn't work",
	http.StatusForbidden:           "You may not do this",
	http.StatusNotFound:            "There is no such page",
	http.StatusMethodNotAllowed:    "There is no such page",
	http.StatusConflict:            "This is done already",
	http.StatusTooManyRequests:     "Too many requests",
	http.StatusServiceUnavailable:  "Not available at the moment",
	http.StatusInternalServerError: "Something went wrong here",
}

// fail answers with the page of an error.
func (p *Pages) fail(c *gin.Context, e *apierr.Error) {
	content := failure{Detail: e.Detail, RequestID: c.Writer.Header().Get("X-Request-Id")}
	switch e.Status {
	case http.StatusNotFound:
		if e.Detail == apierr.NotFound().Detail {
			content.Detail = "It may have been moved or deleted, or you may not see it."
		}
	case http.StatusMethodNotAllowed:
		content.Detail = "This address is for the forms of other pages."
	}
	shown := page{Title: cmp.Or(titles[e.Status], http.StatusText(e.Status))}
	if p.options.SignIn != nil {
		session, ok := p.options.SignIn.Session(c.Request)
		if ok {
			shown.Person, shown.Until, shown.Form = &session.Person, session.Ends, p.newForm(session)
		}
		if content.SignIn = !ok; !ok && (e.Status == http.StatusBadRequest || e.Status == http.StatusForbidden) {
			shown.Title = "You are not signed in"
		}
	}
	shown.Content = content
	p.show(c, e.Status, pageError, shown)
}
