package main

import (
	"bytes"
	"maps"
	"strings"
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

// What a release packs deploys the images of that release, whatever their tags have become in the registry, unless a value names others.
func TestPackedDigests(t *testing.T) {
	t.Parallel()
	operator, facade := "sha256:"+strings.Repeat("1", 64), "sha256:"+strings.Repeat("2", 64)
	digests := []chart.Digest{{Component: "operator", Digest: operator}, {Component: "facade", Digest: facade}}
	packed, err := chart.Pack("../..", "1.2.3", time.Unix(0, 0), digests...)
	if err != nil {
		t.Fatal(err)
	}
	const registry = "registry.example.com/berth/"
	cases := map[string]struct{ values, operator, facade string }{
		"None":   {operator: registry + "operator:v1.2.3@" + operator, facade: registry + "facade:v1.2.3@" + facade},
		"Tag":    {values: "image: {tag: dev}", operator: registry + "operator:dev", facade: registry + "facade:dev"},
		"OneTag": {values: "operator: {image: {tag: dev}}", operator: registry + "operator:dev", facade: registry + "facade:v1.2.3@" + facade},
		"OneDigest": {
			values: "facade: {image: {digest: '" + operator + "'}}", operator: registry + "operator:v1.2.3@" + operator, facade: registry + "facade@" + operator,
		},
		"Repository": {
			values: "facade: {image: {repository: mirror.example.org/facade}}", operator: registry + "operator:v1.2.3@" + operator,
			facade: "mirror.example.org/facade:v1.2.3@" + facade,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			loaded, err := loader.LoadArchive(bytes.NewReader(packed))
			if err != nil {
				t.Fatal(err)
			}
			values := valuesOf(t, "minimal.yaml")
			for key, value := range read(t, tc.values) {
				if image, found := values[key]; found {
					maps.Copy(as[map[string]any](t, image), as[map[string]any](t, value))
					continue
				}
				values[key] = value
			}
			release, err := installChart(t, loaded, "berth-system", values)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{tc.operator, tc.facade} {
				if !strings.Contains(release.Manifest, `image: "`+want+`"`) {
					t.Errorf("no container has the image %s", want)
				}
			}
		})
	}
}
