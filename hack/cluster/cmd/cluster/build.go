package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/berth-dev/berth/hack/cluster/internal/build"
	"github.com/berth-dev/berth/hack/cluster/internal/component"
	"github.com/berth-dev/berth/hack/cluster/internal/doctor"
)

// built returns the folders of the components, building what is missing. What a build would fail for is
// said before the first one begins.
func built(ctx context.Context, comps []component.Component, warm ...build.Warm) (map[string]string, error) {
	cache, err := build.Open(os.Stderr)
	if err != nil {
		return nil, err
	}
	missing, err := cache.Missing(ctx, comps)
	if err != nil {
		return nil, err
	}
	if err := doctor.Check(doctor.ToBuild(missing)); err != nil {
		return nil, err
	}
	return cache.Ensure(ctx, comps, warm...)
}

func buildCommand(ctx context.Context, args []string, stdout io.Writer) error {
	fs := flag.NewFlagSet("build", flag.ContinueOnError)
	flux := fs.Bool("flux", false, "build Flux, too")
	var warm []build.Warm
	fs.Func("warm", "compile programs of another module before all else, for whoever links them: FOLDER:PACKAGE,...", func(text string) error {
		module, packages, ok := strings.Cut(text, ":")
		if !ok {
			return errors.New("it wants FOLDER:PACKAGE,...")
		}
		warm = append(warm, build.Warm{Module: module, Packages: strings.Split(packages, ",")})
		return nil
	})
	if err := fs.Parse(args); err != nil {
		return err
	}
	comps := component.ForMode(os.Geteuid() == 0, optional(*flux)...)
	if fs.NArg() > 0 {
		var err error
		if comps, err = component.Named(fs.Args()...); err != nil {
			return err
		}
	}
	dirs, err := built(ctx, comps, warm...)
	if err != nil {
		return err
	}
	for _, c := range comps {
		fmt.Fprintln(stdout, dirs[c.Name])
	}
	return nil
}

// optional names the components that were asked for.
func optional(flux bool) []string {
	if flux {
		return []string{component.Flux}
	}
	return nil
}

func kubeDir(ctx context.Context) (string, error) {
	comps, err := component.Named(component.Kube)
	if err != nil {
		return "", err
	}
	dirs, err := built(ctx, comps)
	return dirs[component.Kube], err
}

func assetsCommand(ctx context.Context, _ []string, stdout io.Writer) error {
	dir, err := kubeDir(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, dir)
	return err
}

func kubectlCommand(ctx context.Context, args []string, _ io.Writer) error {
	dir, err := kubeDir(ctx)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "kubectl")
	// In place of this process, so that a terminal and signals are kubectl's own.
	return syscall.Exec(path, append([]string{"kubectl"}, args...), os.Environ())
}

func doctorCommand(ctx context.Context, args []string, _ io.Writer) error {
	fs := flag.NewFlagSet("doctor", flag.ContinueOnError)
	flux := fs.Bool("flux", false, "look for what Flux needs, too")
	install := fs.Bool("install", false, "install missing Debian packages, as root")
	if err := fs.Parse(args); err != nil {
		return err
	}
	more, err := doctor.Named(fs.Args()...)
	if err != nil {
		return err
	}
	node := os.Geteuid() == 0
	needs := slices.Concat(doctor.ToBuild(component.ForMode(node, optional(*flux)...)), doctor.ToRun(node, *flux), more)
	if *install {
		if err := doctor.Install(ctx, needs, os.Stderr); err != nil {
			return err
		}
	}
	return doctor.Check(needs)
}
