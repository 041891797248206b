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
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"sigs.k8s.io/yaml"
)

// chartMetadata is what Chart.yaml says of a chart and its place in a registry depends on.
type chartMetadata struct {
	Name, Version, Description string
}

// PushChart pushes a packed Helm chart below a repository, as helm push does it: into the repository with the chart's name, with its version for the
// tag. A tag that is there already and means another chart is left alone, which is an error.
func PushChart(packed []byte, repository string, opts ...remote.Option) error {
	text, err := chartYAML(packed)
	if err != nil {
		return err
	}
	var metadata chartMetadata
	if err := yaml.Unmarshal(text, &metadata); err != nil {
		return fmt.Errorf("read Chart.yaml: %w", err)
	}
	if metadata.Name == "" || metadata.Version == "" {
		return errors.New("there is no name, or no version, in Chart.yaml")
	}
	tag, err := name.NewTag(repository + "/" + metadata.Name + ":" + metadata.Version)
	if err != nil {
		return err
	}
	config, err := yaml.YAMLToJSON(text)
	if err != nil {
		return err
	}
	chart, err := newArtifact(
		blob{content: config, mediaType: "application/vnd.cncf.helm.config.v1+json"},
		blob{content: packed, mediaType: "application/vnd.cncf.helm.chart.content.v1.tar+gzip"}, nil,
		map[string]string{
			labelPrefix + "title": metadata.Name, labelPrefix + "version": metadata.Version, labelPrefix + "description": metadata.Description,
		},
	)
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
