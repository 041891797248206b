package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/berth-dev/berth/hack/cluster/internal/image"
)

func pushCommand(ctx context.Context, args []string, stdout io.Writer) error {
	var spec image.Spec
	fs := flag.NewFlagSet("push", flag.ContinueOnError)
	registry := fs.String("registry", "", "host:port of the registry, REGISTRY in a cluster's env file; needed")
	specFlags(fs, &spec)
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *registry == "" || fs.NArg() < 2 {
		return errors.New("usage: cluster push --registry HOST:PORT [flags] NAME:TAG BINARY [ARG...]")
	}
	spec.Binary, spec.Args = fs.Arg(1), fs.Args()[2:]
	ref := *registry + "/" + fs.Arg(0)
	digest, err := image.Push(ref, spec, remote.WithContext(ctx))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s@%s\n", ref, digest)
	return err
}

// archiveCommand prints the name by which a node that has imported the archive knows the image without asking a registry.
func archiveCommand(_ context.Context, args []string, stdout io.Writer) error {
	var spec image.Spec
	fs := flag.NewFlagSet("archive", flag.ContinueOnError)
	file := fs.String("file", "", "file to write; needed")
	specFlags(fs, &spec)
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *file == "" || fs.NArg() < 2 {
		return errors.New("usage: cluster archive --file FILE [flags] HOST/NAME:TAG BINARY [ARG...]")
	}
	spec.Binary, spec.Args = fs.Arg(1), fs.Args()[2:]
	out, err := os.Create(*file)
	if err != nil {
		return err
	}
	byDigest, err := image.WriteLayout(out, fs.Arg(0), spec)
	if err := errors.Join(err, out.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, byDigest)
	return err
}

// specFlags are the flags about what an image holds.
func specFlags(fs *flag.FlagSet, spec *image.Spec) {
	spec.Labels = map[string]string{}
	fs.Func("env", "K=V: variable of the image; may be given again", func(v string) error {
		spec.Env = append(spec.Env, v)
		return nil
	})
	fs.Func("expose", "port that the image documents, such as 8080/tcp; may be given again", func(v string) error {
		spec.Ports = append(spec.Ports, v)
		return nil
	})
	fs.StringVar(&spec.User, "user", "", "user that the image runs as, such as 0 for root; not root by default")
	fs.Func("label", "K=V: label of the image; may be given again", func(v string) error {
		key, value, ok := strings.Cut(v, "=")
		if !ok {
			return fmt.Errorf("%q is not K=V", v)
		}
		spec.Labels[key] = value
		return nil
	})
}
