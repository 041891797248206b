package process

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestProcess(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	p, err := Start(log, "/bin/sh", []string{"GREETING=hello"}, "-c", `trap 'exit 0' TERM; echo $GREETING; while :; do sleep 0.01; done`)
	if err != nil {
		t.Fatal(err)
	}
	for said := ""; said != "hello\n"; {
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		said = string(text)
		if said == "" {
			time.Sleep(10 * time.Millisecond)
		}
	}
	usage, err := p.Usage()
	if err != nil || usage.RSS <= 0 || usage.Peak < usage.RSS {
		t.Errorf("Usage(): got %+v, %v, want some memory", usage, err)
	}
	if times, err := Children(); err != nil || len(times) < 2 {
		t.Errorf("Children(): got %v, %v, want this process and another", times, err)
	}
	if err := p.Stop(); err != nil {
		t.Errorf("Stop(): %v", err)
	}
}

func TestStopOfWhatHasEnded(t *testing.T) {
	program, err := exec.LookPath("true")
	if err != nil {
		t.Skip("there is no program true")
	}
	p, err := Start(filepath.Join(t.TempDir(), "log"), program, nil)
	if err != nil {
		t.Fatal(err)
	}
	<-p.exited
	if err := p.Stop(); err == nil {
		t.Error("Stop() succeeded, want an error that says that it had ended")
	}
}

func TestBytesOf(t *testing.T) {
	if got, err := bytesOf("\t    1024 kB"); err != nil || got != 1<<20 {
		t.Errorf("bytesOf(...): got %d, %v, want a megabyte", got, err)
	}
}

func TestScrape(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("# TYPE done counter\ndone{kind=\"a\"} 1\ndone{kind=\"b\"} 2\n# TYPE depth gauge\ndepth 3\n"))
	}))
	defer server.Close()
	got, err := Scrape(t.Context(), strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Metrics{"done": 3, "depth": 3}, got); diff != "" {
		t.Errorf("Scrape(...): -want, +got:\n%s", diff)
	}
}
