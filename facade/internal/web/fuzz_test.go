package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/wire"
)

func post(t *testing.T, contentType string, body []byte) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", bytes.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	return r
}

// FuzzBind says that whatever a body is, it has the members that it says or is the client's mistake, and that they are text that can be written
// again.
func FuzzBind(f *testing.F) {
	f.Add(typeJSON, []byte(`{"slug": "shop", "env": [{"name": "A", "value": 1e2}], "dataset": null}`))
	f.Add("application/json; charset=utf-8", []byte(`{"a": "\ud800", "a": {"b": [[]]}} `))
	f.Add(typeForm, []byte("env[0]name=A&env[0][value]=1&slug=a+b%20c&slug=d"))
	f.Add(typeForm, []byte("env[0]name=A&env[0][name]=B&env[00].name=C&env=D"))
	f.Add("multipart/form-data; boundary=B", []byte(multipartForm))
	f.Add(`multipart/form-data; boundary="a b"`, []byte("--a b\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\nc\r\n--a b--"))
	f.Add("text/plain", []byte("slug=a"))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		mediaType, want := written(contentType, body)
		members, err := Bind(post(t, contentType, body))
		if err != nil {
			if e, ok := errors.AsType[*apierr.Error](err); !ok || e.Status < 400 || e.Status > 499 || !utf8.ValidString(e.Detail) {
				t.Fatalf("got %v, want a mistake of the client's", err)
			}
			deep := bytes.Count(body, []byte("["))+bytes.Count(body, []byte("{")) > maxDepth
			if mediaType == typeJSON && want != nil && json.Valid(body) && utf8.Valid(body) && !deep {
				t.Errorf("an object is refused: %v", err)
			}
			return
		}
		checkMembers(t, mediaType, want, members)
		if again, err := Bind(post(t, contentType, body)); err != nil || !cmp.Equal(members, again) {
			t.Errorf("read again: %v; -first, +second:\n%s", err, cmp.Diff(members, again))
		}
		for name := range members {
			if _, uploaded := members[name].(wire.Upload); uploaded {
				delete(members, name) // JSON has no files.
			}
		}
		encoded, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Bind(post(t, typeJSON, encoded))
		if err != nil {
			t.Fatalf("written again: %v", err)
		}
		if diff := cmp.Diff(members, again); diff != "" {
			t.Errorf("-members, +written again:\n%s", diff)
		}
	})
}

// FuzzForms says that JSON, forms and multipart forms say the same of an app, in each way to write its environment.
func FuzzForms(f *testing.F) {
	f.Add("https://example.com/shop:v1", "A", "1", "B", "é &=+%\n")
	f.Add(" example.com/shop ", "_", "", "a1", `"}]`)
	f.Add("x", "A", "--B--", "B", "\r\n--B\r\n")
	f.Fuzz(func(t *testing.T, location, nameOne, valueOne, nameTwo, valueTwo string) {
		for _, text := range []string{location, nameOne, valueOne, nameTwo, valueTwo} {
			if !utf8.ValidString(text) {
				return // JSON has no other.
			}
		}
		env := []any{map[string]any{"name": nameOne, "value": valueOne}, map[string]any{"name": nameTwo, "value": valueTwo}}
		encoded, err := json.Marshal(map[string]any{"location": location, "env": env})
		if err != nil {
			t.Fatal(err)
		}
		want, wantErr := parse(t, typeJSON, encoded)
		raw := []wire.EnvVar{{Name: nameOne, Value: valueOne}, {Name: nameTwo, Value: valueTwo}}
		if wantErr == nil && (*want.Location != strings.TrimSpace(location) || !slices.Equal(*want.Env, raw)) {
			t.Errorf("%q and %v became %q and %v", location, raw, *want.Location, *want.Env)
		}
		text, err := json.Marshal(env)
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range []url.Values{
			{"location": {location}, "env": {string(text)}},
			{"location": {location}, "env[0]name": {nameOne}, "env[0]value": {valueOne}, "env[1]name": {nameTwo}, "env[1]value": {valueTwo}},
			{"location": {"x", location}, "env[3][name]": {nameOne}, "env[3][value]": {valueOne}, "env[20].name": {nameTwo}, "env[20].value": {valueTwo}},
		} {
			got, err := parse(t, typeForm, []byte(form.Encode()))
			if diff := cmp.Diff(want, got); diff != "" || (err == nil) != (wantErr == nil) {
				t.Errorf("a form: got %v, as JSON %v; -JSON, +form:\n%s", err, wantErr, diff)
			}
			contentType, body := multipartOf(t, form)
			got, err = parse(t, contentType, body)
			if diff := cmp.Diff(want, got); diff != "" || (err == nil) != (wantErr == nil) {
				t.Errorf("a multipart form: got %v, as JSON %v; -JSON, +form:\n%s", err, wantErr, diff)
			}
		}
	})
}

// parse reads what a body says of an app.
func parse(t *testing.T, contentType string, body []byte) (wire.AppBody, error) {
	t.Helper()
	members, err := Bind(post(t, contentType, body))
	if err != nil {
		return wire.AppBody{}, err
	}
	return wire.ParseApp(members)
}

func multipartOf(t *testing.T, form url.Values) (contentType string, body []byte) {
	t.Helper()
	var text bytes.Buffer
	parts := multipart.NewWriter(&text)
	for name, values := range form {
		for _, value := range values {
			if err := parts.WriteField(name, value); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := parts.Close(); err != nil {
		t.Fatal(err)
	}
	return parts.FormDataContentType(), text.Bytes()
}

// FuzzPage says that pages follow each other without a gap, by the links that they give.
func FuzzPage(f *testing.F) {
	f.Add("page=2&page_size=10&q=a%26b", 30)
	f.Add("page=last", 0)
	f.Add("page=9223372036854775807&page_size=99999999999999999999", 1)
	f.Add("page=%31&page=2;x=%zz", 26)
	f.Fuzz(func(t *testing.T, query string, total int) {
		total = max(0, total%100_000)
		shown, first, end, err := window(t, query, total)
		if err != nil {
			if e, ok := errors.AsType[*apierr.Error](err); !ok || e.Status != http.StatusNotFound {
				t.Errorf("got %v, want a 404", err)
			}
			return
		}
		if first < 0 || first > end || end > total || end-first > maxPageSize || end == first && total > 0 {
			t.Fatalf("the page has %d to %d of %d", first, end, total)
		}
		if (shown.Next == nil) != (end == total) || (shown.Previous == nil) != (first == 0) {
			t.Fatalf("%d to %d of %d: next is %v, previous %v", first, end, total, shown.Next, shown.Previous)
		}
		if shown.Next != nil {
			if _, next, _, err := window(t, queryOf(t, *shown.Next), total); err != nil || next != end {
				t.Errorf("the page after %d begins with %d, %v", end, next, err)
			}
		}
		if shown.Previous != nil {
			if _, _, before, err := window(t, queryOf(t, *shown.Previous), total); err != nil || before != first {
				t.Errorf("the page before %d ends with %d, %v", first, before, err)
			}
		}
	})
}

// window is the page that a query asks for.
func window(t *testing.T, query string, total int) (shown wire.Page[int], first, end int, err error) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/", http.NoBody)
	r.URL.RawQuery = query
	request, err := ParsePage(r)
	if err != nil {
		return shown, 0, 0, err
	}
	first, end, err = request.Window(total)
	if err != nil {
		return shown, 0, 0, err
	}
	return Page[int](request, total, nil), first, end, nil
}

func queryOf(t *testing.T, link string) string {
	t.Helper()
	address, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	return address.RawQuery
}
