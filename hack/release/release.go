package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/berth-dev/berth/hack/release/chart"
	"github.com/berth-dev/berth/hack/release/internal/archive"
	"github.com/berth-dev/berth/hack/release/internal/build"
	"github.com/berth-dev/berth/hack/release/internal/image"
	"github.com/berth-dev/berth/hack/release/internal/sbom"
	"github.com/berth-dev/berth/hack/release/internal/sign"
)

const (
	license = "Apache-2.0"
	source  = "https://" + build.Module
)

// served are the commands that become images, with what the images are described as.
var served = []struct{ name, description string }{
	{"operator", "Makes a Kubernetes cluster hold what Berth's Apps and Domains ask for"},
	{"facade", "Serves Berth's REST API from a Kubernetes cluster"},
}

// client is the command that becomes archives.
const client = "berthctl"

// program is a command that was compiled for a platform.
type program struct {
	command  string
	platform v1.Platform
	// file is the program itself.
	file string
	// sbom lists what it is made of.
	sbom []byte
}

// release is one that is being made.
type release struct {
	options
	// work is a folder for what is not part of it.
	work string
	// log takes a line for each step.
	log io.Writer
	// programs are in the order of the platforms.
	programs []program
	// key signs what is released; nil for nothing.
	key *sign.Key
	// packed is the Helm chart.
	packed []byte
	// digests are those of the images.
	digests []chart.Digest
}

func (r *release) logf(format string, args ...any) { fmt.Fprintf(r.log, format+"\n", args...) }

// name is what files of a program are called.
func (r *release) name(p program) string {
	return fmt.Sprintf("%s_%s_%s_%s", p.command, r.version, p.platform.OS, p.platform.Architecture)
}

// compile makes the programs.
func (r *release) compile(ctx context.Context) error {
	for _, platform := range r.platforms {
		commands := []string{client}
		if platform.OS == "linux" {
			for _, s := range served {
				commands = append(commands, s.name)
			}
		}
		r.logf("compile for %s", platform)
		dir := filepath.Join(r.work, platform.OS+"_"+platform.Architecture)
		if err := build.Commands(ctx, r.root, dir, platform, r.version, commands...); err != nil {
			return err
		}
		for _, c := range commands {
			r.programs = append(r.programs, program{command: c, platform: platform, file: filepath.Join(dir, build.File(c, platform))})
		}
	}
	return nil
}

// list writes what each program is made of.
func (r *release) list(context.Context) error {
	for i := range r.programs {
		p := &r.programs[i]
		description := sbom.Description{Name: r.name(*p), Version: r.version, License: license, Source: source, Created: r.created}
		var err error
		if p.sbom, err = sbom.Of(p.file, description); err != nil {
			return err
		}
		if err := r.write(r.name(*p)+".spdx.json", p.sbom); err != nil {
			return err
		}
	}
	return nil
}

// images writes an OCI layout for each image, and a file with their digests.
func (r *release) images(context.Context) error {
	var digests bytes.Buffer
	for _, s := range served {
		i := image.Image{Name: s.name, Tag: r.version, Labels: r.labels(s.name, s.description), Created: r.created}
		for _, p := range r.programs {
			if p.command == s.name {
				i.Variants = append(i.Variants, image.Variant{Platform: p.platform, Program: p.file, SBOM: p.sbom})
			}
		}
		digest, err := i.WriteLayout(filepath.Join(r.out, s.name))
		if err != nil {
			return fmt.Errorf("image %s: %w", s.name, err)
		}
		r.logf("image %s:%s is %s", s.name, r.version, digest)
		r.digests = append(r.digests, chart.Digest{Component: s.name, Digest: digest.String()})
		fmt.Fprintf(&digests, "%s:%s@%s\n", s.name, r.version, digest)
	}
	return r.write("images.txt", digests.Bytes())
}

// labels are those that OCI names.
func (r *release) labels(name, description string) map[string]string {
	const prefix = "org.opencontainers.image."
	labels := map[string]string{
		prefix + "title":       "berth-" + name,
		prefix + "description": description,
		prefix + "version":     r.version,
		prefix + "created":     r.created.Format(time.RFC3339),
		prefix + "source":      source,
		prefix + "licenses":    license,
	}
	if r.revision != "" {
		labels[prefix+"revision"] = r.revision
	}
	return labels
}

// archives writes berthctl for each platform, the way its users unpack things.
func (r *release) archives(context.Context) error {
	text, err := os.ReadFile(filepath.Join(r.root, "LICENSE"))
	if err != nil {
		return err
	}
	for _, p := range r.programs {
		if p.command != client {
			continue
		}
		content, err := os.ReadFile(p.file)
		if err != nil {
			return err
		}
		write, ending := archive.TarGzip, ".tar.gz"
		if p.platform.OS == "windows" {
			write, ending = archive.Zip, ".zip"
		}
		files := []archive.File{{Name: filepath.Base(p.file), Mode: 0o755, Content: content}, {Name: "LICENSE", Mode: 0o644, Content: text}}
		var out bytes.Buffer
		if err := write(&out, r.created, files...); err != nil {
			return err
		}
		if err := r.write(r.name(p)+ending, out.Bytes()); err != nil {
			return err
		}
		r.logf("archive %s", r.name(p)+ending)
	}
	return nil
}

// helm packs the chart, whose version has no v and whose images are those of the release.
func (r *release) helm(context.Context) error {
	version := strings.TrimPrefix(r.version, "v")
	var err error
	if r.packed, err = chart.Pack(r.root, version, r.created, r.digests...); err != nil {
		return err
	}
	name := "berth-" + version + ".tgz"
	r.logf("chart %s", name)
	return r.write(name, r.packed)
}

// publish pushes the images, and the chart into the repository charts beside them, if somebody said where to, with their signatures if there is a key.
func (r *release) publish(ctx context.Context) error {
	if r.push == "" {
		return nil
	}
	opts := []remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)}
	for _, d := range r.digests {
		repository := r.push + "/" + d.Component
		r.logf("push %s:%s", repository, r.version)
		if err := image.Push(filepath.Join(r.out, d.Component), repository, opts...); err != nil {
			return fmt.Errorf("push %s: %w", repository, err)
		}
		if r.key == nil {
			continue
		}
		r.logf("sign %s@%s", repository, d.Digest)
		if err := image.Sign(r.key, repository, d.Digest, opts...); err != nil {
			return fmt.Errorf("sign %s: %w", repository, err)
		}
	}
	charts := r.push + "/charts"
	r.logf("push %s", charts)
	if err := image.PushChart(r.packed, charts, opts...); err != nil || r.key == nil {
		return err
	}
	r.logf("sign the chart in %s", charts)
	return image.SignChart(r.key, r.packed, charts, opts...)
}

// write makes a file of the release.
func (r *release) write(name string, content []byte) error {
	return os.WriteFile(filepath.Join(r.out, name), content, 0o644) //nolint:gosec // Everybody may read it.
}
