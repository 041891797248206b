package fuzz

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/pb33f/libopenapi/datamodel/high/v3"
	"k8s.io/utils/ptr"

	"github.com/berth-dev/berth/internal/testing/testrandom"
)

// operation is one of the contract, with what it is found by.
type operation struct {
	*v3.Operation

	method, template string
	parameters       []*v3.Parameter
	// weight is how often it is made a request of, beside others.
	weight int
}

// maxPart is how many bytes a part of a target has at most: net/http refuses headers, the target included, of more than 32 KiB by itself.
const maxPart = 1000

// weights are of operations that are rarer than others, since they take the server long or take away what others need, or more frequent.
var weights = map[string]int{
	"readPage": 1, "readContract": 1, "createKey": 1, "testEmail": 2, "testOrganizationEmail": 2, "deleteApp": 1, "createApp": 9, "createDomain": 9,
}

// operations returns those of a contract, each as often as its weight says.
func operations(model *v3.Document) []operation {
	var all []operation
	for template, item := range model.Paths.PathItems.FromOldest() {
		for method, described := range item.GetOperations().FromOldest() {
			o := operation{
				Operation: described, method: strings.ToUpper(method), template: template,
				parameters: slices.Concat(item.Parameters, described.Parameters), weight: 6,
			}
			if weight, found := weights[o.OperationId]; found {
				o.weight = weight
			}
			all = append(all, slices.Repeat([]operation{o}, o.weight)...)
		}
	}
	return all
}

// request is one to send.
type request struct {
	// method and target, the path with its query, as they go over the wire.
	method, target string
	header         http.Header
	body           []byte
	// key is whose API key it comes with; empty for none.
	key string
	// chunked says that its length is not told before.
	chunked bool
	// follows says that the answer may have no end.
	follows bool
}

// String says what a request is, without what its body holds of secrets.
func (r *request) String() string {
	body := string(r.body[:min(len(r.body), 600)])
	return fmt.Sprintf("%s %s as %s, %v, %d bytes: %q", r.method, r.target[:min(len(r.target), 300)], r.key, r.header, len(r.body), body)
}

// generator makes up requests, each from a number of its own.
type generator struct {
	values

	operations []operation
	pairs      []pair
	keys       []string
	// hostility is how many of a hundred choices are for the worse.
	hostility int
}

// next makes the request up that has a number, the same one whenever it is asked.
func (f *fuzzer) next(number uint64) *request {
	g := &generator{
		values:     values{Rand: rand.New(rand.NewPCG(f.seed, number)), known: f.known},
		operations: f.operations, pairs: f.pairs, keys: sortedKeys(f.keys),
	}
	// Half of the requests are as the contract wants them, a quarter nearly so, and a quarter bad.
	g.hostility = []int{0, 0, 8, 35}[g.IntN(4)]
	o := &g.operations[g.IntN(len(g.operations))]
	r := &request{method: o.method, header: http.Header{}}
	r.target = g.path(o) + g.query(o)
	r.follows = strings.Contains(r.target, "follow")
	g.sender(o, r)
	g.headers(r)
	g.body(o, r)
	if g.worse() && g.IntN(3) == 0 {
		r.method = []string{"PATCH", "OPTIONS", "TRACE", "HEAD", "DELETE", "PUT", "POST", "GET", "get", "PROPFIND", "A-B"}[g.IntN(11)]
	}
	return r
}

func (g *generator) worse() bool { return g.IntN(100) < g.hostility }

// path fills the template of a path in.
func (g *generator) path(o *operation) string {
	path := templateParameter.ReplaceAllStringFunc(o.template, func(name string) string {
		value := fmt.Sprint(g.valid(name, o.parameter(name).Schema.Schema()))
		if g.worse() {
			value = nearlyText(g.Rand, value)
		}
		if g.worse() {
			value = hostileText(g.Rand)
		}
		return url.PathEscape(value[:min(len(value), maxPart)])
	})
	if g.IntN(5) == 0 {
		path = strings.TrimSuffix(path, "/")
	}
	if g.worse() && g.IntN(8) == 0 {
		return path + "/" + url.PathEscape(hostileTexts[g.IntN(len(hostileTexts))])
	}
	return path
}

var templateParameter = regexp.MustCompile(`\{[^}]*\}`)

func (o *operation) parameter(name string) *v3.Parameter {
	i := slices.IndexFunc(o.parameters, func(p *v3.Parameter) bool { return p.Name == strings.Trim(name, "{}") })
	return o.parameters[i]
}

// query makes a query up of the parameters of an operation, and sometimes of others.
func (g *generator) query(o *operation) string {
	var parts []string
	for _, p := range o.parameters {
		if p.In != "query" || g.IntN(2) == 0 {
			continue
		}
		value := fmt.Sprint(g.valid(p.Name, p.Schema.Schema()))
		if g.worse() {
			value = nearlyText(g.Rand, value)
		}
		if g.worse() {
			value = hostileText(g.Rand)
		}
		parts = append(parts, p.Name+"="+url.QueryEscape(value[:min(len(value), maxPart)]))
	}
	if g.worse() {
		text := hostileText(g.Rand)
		parts = append(parts, url.QueryEscape(text[:min(len(text), maxPart)])+"="+url.QueryEscape(hostileTexts[g.IntN(len(hostileTexts))]))
	}
	if g.worse() {
		parts = append(parts, []string{"%zz", "page;page_size=1", "=", "&&", "page=%00", "page", "follow=", "page[]=1", "page=1&page=2"}[g.IntN(9)])
	}
	if len(parts) == 0 {
		return ""
	}
	return "?" + strings.Join(parts, "&")
}

// sender says who sends a request: mostly somebody who may.
func (g *generator) sender(o *operation, r *request) {
	r.key = keyManager
	if !strings.Contains(o.template, "{organization}") {
		r.key = keyHost
	}
	if g.IntN(3) == 0 {
		r.key = g.keys[g.IntN(len(g.keys))]
	}
	if g.IntN(20) == 0 {
		r.key = ""
	}
	if g.worse() && g.IntN(3) == 0 {
		r.key = ""
		r.header.Set("Authorization", []string{"Basic", "Basic !!!", "Bearer a", "Basic YQ==", "Basic Og==", "basic AAAA", "Digest a=b"}[g.IntN(7)])
	}
}

// headers adds headers that the server, or something before it, might listen to.
func (g *generator) headers(r *request) {
	names := []string{
		"X-Request-Id", "Traceparent", "Tracestate", "X-Forwarded-For", "X-Forwarded-Host", "X-Http-Method-Override", "Accept", "Origin", "Sec-Fetch-Site",
		"If-Match", "Impersonate-User", "Impersonate-Group", "Audit-Id", "Content-Encoding", "Cookie", "Accept-Encoding", "Range", "Content-Language",
	}
	for g.worse() {
		values := []string{
			"cross-site", "null", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "system:masters", "gzip", "identity", "bytes=0-1", "DELETE",
			"127.0.0.1, ::1", "https://example.com", strings.Map(visible, hostileTexts[g.IntN(len(hostileTexts))]),
		}
		r.header.Set(names[g.IntN(len(names))], values[g.IntN(len(values))])
	}
}

// visible drops what a header can't hold.
func visible(c rune) rune {
	if c < ' ' || c == 0x7f {
		return -1
	}
	return c
}

// body makes the body up of an operation that has one, and sometimes of one that has none.
func (g *generator) body(o *operation, r *request) {
	r.chunked = g.IntN(4) == 0
	described := o.RequestBody
	if described == nil {
		if g.worse() {
			r.body, r.header["Content-Type"] = []byte(hostileText(g.Rand)), []string{typeJSON}
		}
		return
	}
	content, found := described.Content.Get(typeJSON)
	if !found || g.IntN(12) == 0 && !ptr.Deref(described.Required, false) {
		return
	}
	members := g.valid("", content.Schema.Schema())
	if object, ok := members.(map[string]any); ok {
		g.certificate(object)
		g.login(object)
		if g.hostility > 0 {
			members = nearlyObject(g.Rand, object)
		}
	}
	if g.worse() {
		members = nearly(g.Rand, members)
	}
	body, contentType := g.encode([]string{typeJSON, typeJSON, typeForm, typeMultipart}[g.IntN(4)], members)
	if g.worse() {
		body, contentType = g.broken(body, contentType)
	}
	if g.worse() && g.IntN(30) == 0 {
		body = append(body, strings.Repeat(" ", tooLarge)...)
	}
	r.body = body
	r.header.Set("Content-Type", contentType)
}

// tooLarge is more bytes than a body may have.
const tooLarge = 2<<20 + 1

// certificate puts a certificate and its key where a body has either, so that they mostly fit each other.
func (g *generator) certificate(object map[string]any) {
	_, chain := object["ssl_certificate"]
	_, key := object["ssl_certificate_key"]
	if !chain && !key {
		return
	}
	chosen := g.pairs[g.IntN(len(g.pairs))]
	object["ssl_certificate"], object["ssl_certificate_key"] = chosen.chain, chosen.key
	if g.IntN(2) == 0 {
		object["domain"] = chosen.host
	}
	if g.IntN(8) == 0 {
		delete(object, "ssl_certificate_key")
	}
}

// login mostly leaves the password out that isn't wanted beside a role, or adds the one that is wanted beside a user.
func (g *generator) login(object map[string]any) {
	if g.IntN(8) == 0 {
		return
	}
	delete(object, "external_id")
	if user, _ := object["role_name"].(string); user != "" && !strings.HasPrefix(user, "arn:") {
		object["external_id"] = canaryLogin + testrandom.Matching(g.Rand, `^[a-z]{20}$`)
	}
}
