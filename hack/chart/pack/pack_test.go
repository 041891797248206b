package pack

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"helm.sh/helm/v4/pkg/chart/loader"
	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
)

// checkout makes a folder with a chart in it, whose files have a certain age.
func checkout(t *testing.T, age time.Duration) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range map[string]string{
		"Chart.yaml":            "apiVersion: v2\nname: berth\nversion: 0.2.0\nappVersion: v0.2.0\n",
		"values.yaml":           "a: b\n",
		"templates/object.yaml": "kind: {{ .Values.a }}\n",
	} {
		path := filepath.Join(root, "config", "chart", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		changed := time.Now().Add(-age)
		if err := os.Chtimes(path, changed, changed); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestSameBytesEverywhere(t *testing.T) {
	t.Parallel()
	var packages [][]byte
	for _, age := range []time.Duration{0, time.Hour} {
		name, err := Write(checkout(t, age), "1.2.3", t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Base(name) != "berth-1.2.3.tgz" {
			t.Errorf("the package is called %s", name)
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, data)
	}
	if !bytes.Equal(packages[0], packages[1]) {
		t.Error("the same chart in another folder, written at another time, gives another package")
	}
}

func TestHelmReadsIt(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		reason, version, want string
	}{
		"Own":   {"the version that Chart.yaml says", "", "0.2.0"},
		"Given": {"the version of a release", "1.2.3-rc.1", "1.2.3-rc.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, err := Write(checkout(t, 0), tc.version, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			loaded, err := loader.Load(file)
			if err != nil {
				t.Fatal(err)
			}
			chart, ok := loaded.(*chartv2.Chart)
			if !ok {
				t.Fatalf("it is a %T", loaded)
			}
			if got := chart.Metadata; got.Version != tc.want || got.AppVersion != "v"+tc.want {
				t.Errorf("%s: it is version %s of %s", tc.reason, got.Version, got.AppVersion)
			}
			if len(chart.Templates) != 1 || chart.Values["a"] != "b" {
				t.Errorf("it has the templates %v and the values %v", chart.Templates, chart.Values)
			}
		})
	}
}
