package profile

import (
	"bytes"
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
	"date":    func(at time.Time) string { return at.UTC().Format("2 January 2006") },
	"time":    func(at time.Time) string { return at.UTC().Format("2 January 2006, 15:04 UTC") },
	"machine": func(at time.Time) string { return at.UTC().Format(time.RFC3339) },
}

// The pages, each inside the layout.
var (
	pageIndex   = parse("index.html")
	pageWelcome = parse("welcome.html")
	pageMade    = parse("made.html")
	pageRevoke  = parse("revoke.html")
	pageRotate  = parse("rotate.html")
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
	p.show(c, status, t, page{Title: title, Person: &session.Person, Form: p.newForm(session), Content: content})
}

// failure is what the page of an error shows.
type failure struct {
	Detail, RequestID string
}

// fail answers with the page of an error.
func (p *Pages) fail(c *gin.Context, e *apierr.Error) {
	content := failure{Detail: e.Detail, RequestID: c.Writer.Header().Get("X-Request-Id")}
	p.show(c, e.Status, pageError, page{Title: http.StatusText(e.Status), Content: content})
}
