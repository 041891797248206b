package main

import (
	"bytes"
	"testing"
	"time"

	"helm.sh/helm/v4/pkg/chart/loader"
	chartv2 "helm.sh/helm/v4/pkg/chart/v2"

	"github.com/berth-dev/berth/hack/release/chart"
)

// What a release packs is the chart to Helm, with images of that release.
func TestHelmReadsThePackage(t *testing.T) {
	t.Parallel()
	packed, err := chart.Pack("../..", "1.2.3-rc.1", time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := loader.LoadArchive(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	read := as[*chartv2.Chart](t, loaded)
	if got := read.Metadata; got.Name != "berth" || got.Version != "1.2.3-rc.1" || got.AppVersion != "v1.2.3-rc.1" {
		t.Errorf("it is %s %s of %s", got.Name, got.Version, got.AppVersion)
	}
	folder, err := loader.Load(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(read.Templates), len(as[*chartv2.Chart](t, folder).Templates); got != want || len(read.Values) == 0 {
		t.Errorf("it has %d templates of %d, and values for %d keys", got, want, len(read.Values))
	}
}
