package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"sigs.k8s.io/yaml"

	"github.com/berth-dev/berth/hack/release/internal/sign"
)

// chartMetadata is what Chart.yaml says of a chart and its place in a registry depends on.
type chartMetadata struct {
	Name, Version, Description string
}

// PushChart pushes a packed Helm chart below a repository, as helm push does it: into the repository with the chart's name, with its version for the
// tag. A tag that is there already and means another chart is left alone, which is an error.
func PushChart(packed []byte, repository string, opts ...remote.Option) error {
	chart, metadata, err := newChart(packed)
	if err != nil {
		return err
	}
	tag, err := name.NewTag(repository + "/" + metadata.Name + ":" + metadata.Version)
	if err != nil {
		return err
	}
	digest, err := chart.Digest()
	if err != nil {
		return err
	}
	if err := unused(tag, digest, opts); err != nil {
		return err
	}
	return remote.Write(tag, chart, opts...)
}

// SignChart pushes the signature of a packed Helm chart that PushChart has pushed below a repository.
func SignChart(key *sign.Key, packed []byte, repository string, opts ...remote.Option) error {
	chart, metadata, err := newChart(packed)
	if err != nil {
		return err
	}
	digest, err := chart.Digest()
	if err != nil {
		return err
	}
	return Sign(key, repository+"/"+metadata.Name, digest.String(), opts...)
}

// newChart makes the artifact of a packed Helm chart.
func newChart(packed []byte) (v1.Image, chartMetadata, error) {
	var metadata chartMetadata
	text, err := chartYAML(packed)
	if err != nil {
		return nil, metadata, err
	}
	if err := yaml.Unmarshal(text, &metadata); err != nil {
		return nil, metadata, fmt.Errorf("read Chart.yaml: %w", err)
	}
	if metadata.Name == "" || metadata.Version == "" {
		return nil, metadata, errors.New("there is no name, or no version, in Chart.yaml")
	}
	config, err := yaml.YAMLToJSON(text)
	if err != nil {
		return nil, metadata, err
	}
	chart, err := newArtifact(
		blob{content: config, mediaType: "application/vnd.cncf.helm.config.v1+json"},
		blob{content: packed, mediaType: "application/vnd.cncf.helm.chart.content.v1.tar+gzip"}, nil,
		map[string]string{
			labelPrefix + "title": metadata.Name, labelPrefix + "version": metadata.Version, labelPrefix + "description": metadata.Description,
		},
	)
	return chart, metadata, err
}

// chartYAML returns the Chart.yaml of a packed chart, which lies in a folder of the chart's name.
func chartYAML(packed []byte) ([]byte, error) {
	plain, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	for files := tar.NewReader(plain); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the chart has no Chart.yaml")
		}
		if err != nil {
			return nil, err
		}
		if path.Base(header.Name) == "Chart.yaml" && strings.Count(header.Name, "/") == 1 {
			return io.ReadAll(files)
		}
	}
}
