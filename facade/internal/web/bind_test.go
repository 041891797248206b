package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/wire"
)

const multipartForm = "--B\r\nContent-Disposition: form-data; name=\"location\"\r\n\r\nexample.com/a\r\n" +
	"--B\r\nContent-Disposition: form-data; name=\"env[0]name\"\r\n\r\nA\r\n--B--\r\n"

func TestBind(t *testing.T) {
	cases := map[string]struct {
		reason, contentType, body string
		want                      map[string]any
	}{
		"Empty":     {reason: "A body that isn't there wants no type.", want: map[string]any{}},
		"EmptyJSON": {contentType: "application/json", want: map[string]any{}},
		"JSON": {
			contentType: "application/json; charset=utf-8",
			body:        `{"a": "é", "b": [1], "c": null}`,
			want:        map[string]any{"a": "é", "b": []any{json.Number("1")}, "c": nil},
		},
		"TypeAnyCase": {contentType: "Application/JSON", body: `{}`, want: map[string]any{}},
		"SpaceAfter":  {contentType: "application/json", body: "{} \n", want: map[string]any{}},
		"LastOfTwo":   {contentType: "application/json", body: `{"a": 1, "a": 2}`, want: map[string]any{"a": json.Number("2")}},
		"BracketsInText": {
			reason:      "Only real brackets nest.",
			contentType: "application/json", body: `{"a": "` + strings.Repeat(`[\"{`, 100) + `"}`,
			want: map[string]any{"a": strings.Repeat(`["{`, 100)},
		},
		"Form": {
			contentType: "application/x-www-form-urlencoded",
			body:        "location=example.com%2Fa&a=1&a=2",
			want:        map[string]any{"location": "example.com/a", "a": "2"},
		},
		"FormList": {
			reason:      "Items come in the order of their numbers, in each way to write them.",
			contentType: "application/x-www-form-urlencoded", body: "env[10]name=C&env[2]name=B&env[2]value=2&env[0][name]=A&env[0].value=1",
			want: map[string]any{"env": []any{
				map[string]any{"name": "A", "value": "1"}, map[string]any{"name": "B", "value": "2"}, map[string]any{"name": "C"},
			}},
		},
		"Multipart": {
			contentType: "multipart/form-data; boundary=B", body: multipartForm,
			want: map[string]any{"location": "example.com/a", "env": []any{map[string]any{"name": "A"}}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Bind(request(t, tc.contentType, tc.body))
			if err != nil {
				t.Fatalf("\n%s\nBind(...): %v", tc.reason, err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("\n%s\nBind(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func request(t *testing.T, contentType, body string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	return r
}

func TestBindBad(t *testing.T) {
	cases := map[string]struct {
		contentType, encoding, body string
		want                        int
	}{
		"BrokenJSON":        {contentType: "application/json", body: `{"a": `, want: 400},
		"NotJSON":           {contentType: "application/json", body: `location=a`, want: 400},
		"SecondValue":       {contentType: "application/json", body: `{} {}`, want: 400},
		"TrailingBracket":   {contentType: "application/json", body: `{}]`, want: 400},
		"List":              {contentType: "application/json", body: `[]`, want: 400},
		"Null":              {contentType: "application/json", body: `null`, want: 400},
		"TooDeep":           {contentType: "application/json", body: `{"a":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`, want: 400},
		"FarTooDeep":        {contentType: "application/json", body: strings.Repeat(`{"a":`, 100_000), want: 400},
		"JSONNotUTF8":       {contentType: "application/json", body: "{\"a\": \"\xff\"}", want: 400},
		"FormNotUTF8":       {contentType: "application/x-www-form-urlencoded", body: "a=%ff", want: 400},
		"FormBadEscape":     {contentType: "application/x-www-form-urlencoded", body: "a=%zz", want: 400},
		"MultipartCut":      {contentType: "multipart/form-data; boundary=B", body: multipartForm[:60], want: 400},
		"MultipartNoBounds": {contentType: "multipart/form-data", body: multipartForm, want: 400},
		"NoType":            {body: `{}`, want: 415},
		"OtherType":         {contentType: "text/plain", body: `{}`, want: 415},
		"BrokenType":        {contentType: "application/", body: `{}`, want: 415},
		"Compressed":        {contentType: "application/json", encoding: "gzip", body: "\x1f\x8b", want: 415},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := request(t, tc.contentType, tc.body)
			r.Header.Set("Content-Encoding", tc.encoding)
			_, err := Bind(r)
			e, ok := errors.AsType[*apierr.Error](err)
			if !ok || e.Status != tc.want {
				t.Errorf("Bind(...): got %v, want a %d", err, tc.want)
			}
		})
	}
}

func TestBindDeepest(t *testing.T) {
	body := `{"a":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}`
	if _, err := Bind(request(t, "application/json", body)); err != nil {
		t.Errorf("Bind(...) of 32 levels: %v", err)
	}
}

func TestBindUpload(t *testing.T) {
	body := strings.Replace(multipartForm, `name="location"`, `name="location"; filename="a"`, 1)
	got, err := Bind(request(t, "multipart/form-data; boundary=B", body))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"location": wire.Upload("example.com/a"), "env": []any{map[string]any{"name": "A"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Bind(...): -want, +got:\n%s", diff)
	}
}

func TestBindTooLarge(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", bytes.NewReader(make([]byte, 101)))
	r.Header.Set("Content-Type", "application/json")
	r.Body = http.MaxBytesReader(httptest.NewRecorder(), r.Body, 100)
	_, err := Bind(r)
	if e, ok := errors.AsType[*apierr.Error](err); !ok || e.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("Bind(...): got %v, want a 413", err)
	}
}

func TestBindBroken(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", io.MultiReader(strings.NewReader("{"), brokenReader{}))
	_, err := Bind(r)
	if e, ok := errors.AsType[*apierr.Error](err); !ok || e.Status != http.StatusBadRequest {
		t.Errorf("Bind(...): got %v, want a 400", err)
	}
}

// brokenReader is a connection that the client has closed.
type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
