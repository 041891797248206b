package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/berth-dev/berth/hack/cluster/internal/image"
)

func pushCommand(ctx context.Context, args []string, stdout io.Writer) error {
	spec := image.Spec{Labels: map[string]string{}}
	fs := flag.NewFlagSet("push", flag.ContinueOnError)
	registry := fs.String("registry", "", "host:port of the registry, REGISTRY in a cluster's env file; needed")
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
