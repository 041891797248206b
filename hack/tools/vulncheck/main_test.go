package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// vulnerability is one of the standard library's of this Go and of every other, in the function zip.OpenReader.
const vulnerability = "GO-2026-0001"

func writeJSON(t *testing.T, file string, content any) {
	t.Helper()
	text, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		t.Fatal(err)
	}
	var compressed bytes.Buffer
	writer := gzip.NewWriter(&compressed)
	if _, err := writer.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{file: text, file + ".gz": compressed.Bytes()} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// database writes a vulnerability database, as vuln.go.dev serves it.
func database(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	const modified = "2026-01-01T00:00:00Z"
	writeJSON(t, filepath.Join(dir, "index", "db.json"), map[string]any{"modified": modified})
	writeJSON(t, filepath.Join(dir, "index", "modules.json"), []any{
		map[string]any{"path": "stdlib", "vulns": []any{map[string]any{"id": vulnerability, "modified": modified}}},
	})
	writeJSON(t, filepath.Join(dir, "ID", vulnerability+".json"), map[string]any{
		"schema_version": "1.3.1", "id": vulnerability, "modified": modified, "published": modified, "summary": "A made-up one", "details": "Made up.",
		"database_specific": map[string]any{"url": "https://pkg.go.dev/vuln/" + vulnerability},
		"affected": []any{map[string]any{
			"package":            map[string]any{"name": "stdlib", "ecosystem": "Go"},
			"ranges":             []any{map[string]any{"type": "SEMVER", "events": []any{map[string]any{"introduced": "0"}}}},
			"ecosystem_specific": map[string]any{"imports": []any{map[string]any{"path": "archive/zip", "symbols": []any{"OpenReader"}}}},
		}},
	})
	return dir
}

// answering answers every request with a status.
func answering(status int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "{}", status) })
}

// cutOff ends the connection within an answer.
func cutOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	_, _ = w.Write([]byte(`{"modified":`))
}

func TestRun(t *testing.T) {
	calls := "package main\n\nimport \"archive/zip\"\n\nfunc main() { _, _ = zip.OpenReader(\"a\") }\n"
	imports := "package main\n\nimport \"archive/zip\"\n\nfunc main() { _ = zip.Deflate }\n"
	neither := "package main\n\nfunc main() {}\n"
	files := http.FileServer(http.Dir(database(t)))
	served := func(handler http.Handler) string {
		server := httptest.NewServer(handler)
		t.Cleanup(server.Close)
		return server.URL
	}
	closed := httptest.NewServer(files)
	closed.Close()
	asked := 0
	lost := served(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if asked > 1 {
			http.Error(w, "overloaded", http.StatusServiceUnavailable)
			return
		}
		files.ServeHTTP(w, r)
	}))
	login := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<html>Sign in to the network</html>"))
	})
	cases := map[string]struct {
		source, database string
		// says is what the output has, and fails that there is an error; reached that it is for a vulnerability that is called.
		says           string
		fails, reached bool
	}{
		"Called":      {source: calls, database: served(files), says: vulnerability, fails: true, reached: true},
		"CalledFile":  {source: calls, database: "file://" + database(t), says: vulnerability, fails: true, reached: true},
		"Imported":    {source: imports, database: served(files), says: vulnerability},
		"Neither":     {source: neither, database: served(files), says: "No vulnerabilities found"},
		"Unreachable": {source: calls, database: closed.URL, says: "NOT CHECKED"},
		"Overloaded":  {source: calls, database: served(answering(http.StatusBadGateway)), says: "NOT CHECKED"},
		"CutOff":      {source: calls, database: served(http.HandlerFunc(cutOff)), says: "NOT CHECKED"},
		"NotThere":    {source: neither, database: served(http.NotFoundHandler()), fails: true},
		"Forbidden":   {source: neither, database: served(answering(http.StatusForbidden)), fails: true},
		"Proxy":       {source: neither, database: served(answering(http.StatusProxyAuthRequired)), fails: true},
		"CaptivePage": {source: neither, database: served(login), fails: true},
		"NoScheme":    {source: neither, database: "vuln.go.dev", fails: true},
		"OtherScheme": {source: neither, database: "htps://vuln.go.dev", fails: true},
		"NoHost":      {source: neither, database: "https:///vuln.go.dev", fails: true},
		"LostMidway":  {source: calls, database: lost, says: "NOT CHECKED"},
		"MissingFile": {source: calls, database: "file:///nonexistent", fails: true},
		"NoSource":    {source: "package main\n\nfunc main() { undefined() }\n", database: served(files), fails: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			for file, content := range map[string]string{"go.mod": "module example.com/made-up\n\ngo 1.26.0\n", "main.go": tc.source} {
				if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var out bytes.Buffer
			err := run(t.Context(), append(os.Environ(), "GOVULNDB="+tc.database, "GOFLAGS="), &out, "./...")
			if (err != nil) != tc.fails || errors.Is(err, errReached) != tc.reached || !strings.Contains(out.String(), tc.says) {
				t.Errorf("got error %v and output %q, want %q", err, out.String(), tc.says)
			}
		})
	}
}
