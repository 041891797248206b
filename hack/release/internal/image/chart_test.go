package image_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/berth-dev/berth/hack/release/internal/archive"
	"github.com/berth-dev/berth/hack/release/internal/image"
)

// pack packs a chart, or what its Chart.yaml says in a place of its own.
func pack(t *testing.T, name, content string) []byte {
	t.Helper()
	var out bytes.Buffer
	err := archive.TarGzip(&out, created, archive.File{Name: "berth/charts/other/Chart.yaml", Mode: 0o644, Content: []byte("name: other")},
		archive.File{Name: name, Mode: 0o644, Content: []byte(content)})
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestPushChart(t *testing.T) {
	t.Parallel()
	repo := repository(t)
	packed := pack(t, "berth/Chart.yaml", "apiVersion: v2\nname: berth\nversion: 1.2.3\ndescription: Hosts apps\n")
	for range 2 { // The second time, it is there.
		if err := image.PushChart(packed, repo.Name()); err != nil {
			t.Fatal(err)
		}
	}
	chart, err := remote.Image(repo.Registry.Repo(repo.RepositoryStr(), "berth").Tag("1.2.3"))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := chart.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"org.opencontainers.image.title": "berth", "org.opencontainers.image.version": "1.2.3", "org.opencontainers.image.description": "Hosts apps",
	}
	if diff := cmp.Diff(want, manifest.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	config, err := chart.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"apiVersion":"v2","description":"Hosts apps","name":"berth","version":"1.2.3"}`; string(config) != want {
		t.Errorf("config %s, want %s", config, want)
	}
	digest, _, err := v1.SHA256(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Layers) != 1 || manifest.Layers[0].Digest != digest {
		t.Errorf("files %+v, want the chart, %s", manifest.Layers, digest)
	}
	changed := pack(t, "berth/Chart.yaml", "name: berth\nversion: 1.2.3\n")
	if err := image.PushChart(changed, repo.Name()); err == nil {
		t.Error("another chart of the same version: no error")
	}
}

func TestPushChartErrors(t *testing.T) {
	t.Parallel()
	repo := repository(t)
	cases := map[string][]byte{
		"NoArchive":   []byte("text"),
		"NoChartYAML": pack(t, "berth/values.yaml", ""),
		"NoYAML":      pack(t, "berth/Chart.yaml", "\t"),
		"NoName":      pack(t, "berth/Chart.yaml", "version: 1.2.3"),
	}
	for name, packed := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := image.PushChart(packed, repo.Name()); err == nil {
				t.Error("no error")
			}
		})
	}
}
