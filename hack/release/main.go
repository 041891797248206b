// Command release builds what a release of Berth consists of, into one folder: see docs/guides/release.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/mod/semver"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch err := run(ctx, os.Args[1:], os.Stdout); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1) //nolint:gocritic // The deferred stop only restores signals, which the exit does as well.
	}
}

// options are what the flags say.
type options struct {
	root, out         string
	version, revision string
	created           time.Time
	platforms         platforms
	push              string
	// signingKey names the file of the key to sign with.
	signingKey string
}

func parse(args []string) (*options, error) {
	o := &options{}
	set := flag.NewFlagSet("release", flag.ContinueOnError)
	set.StringVar(&o.root, "root", ".", "the checkout")
	set.StringVar(&o.out, "out", "dist", "the folder to write, which must be empty or not there")
	set.StringVar(&o.version, "version", "", "the version, such as v1.2.3 (required)")
	set.StringVar(&o.revision, "revision", "", "the commit that the version was made of, for the images' labels")
	seconds := set.Int64("epoch", 0, "when everything says that it was made, in seconds since 1970, as in SOURCE_DATE_EPOCH")
	set.Var(&o.platforms, "platform", "what to build for, such as linux/amd64; repeat it for several; all that are released by default")
	set.StringVar(&o.push, "push", "", "where to push images and chart, such as registry.example.com/berth, with the logins that Docker has; nowhere by default")
	set.StringVar(&o.signingKey, "signing-key", "", "a file with the private key to sign checksums.txt, and what is pushed, with: ECDSA on P-256, in PEM; "+
		"nothing is signed by default")
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	if set.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", set.Arg(0))
	}
	// A tag of an image has no plus sign.
	if semver.Canonical(o.version) != o.version || o.version == "" {
		return nil, fmt.Errorf("--version is one like v1.2.3 or v1.2.3-rc.1, not %q", o.version)
	}
	if len(o.platforms) == 0 {
		o.platforms = released
	}
	o.created = time.Unix(*seconds, 0).UTC()
	var err error
	for _, dir := range []*string{&o.root, &o.out} {
		if *dir, err = filepath.Abs(*dir); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// platforms is the value of a flag that may be given more than once.
type platforms []v1.Platform

// released are the platforms of berthctl; images are made for those with Linux.
var released = platforms{
	{OS: "linux", Architecture: "amd64"},
	{OS: "linux", Architecture: "arm64"},
	{OS: "darwin", Architecture: "amd64"},
	{OS: "darwin", Architecture: "arm64"},
	{OS: "windows", Architecture: "amd64"},
	{OS: "windows", Architecture: "arm64"},
}

// String lists the platforms.
func (p *platforms) String() string {
	names := make([]string, len(*p))
	for i, platform := range *p {
		names[i] = platform.String()
	}
	return strings.Join(names, ",")
}

// Set adds one platform.
func (p *platforms) Set(text string) error {
	platform, err := v1.ParsePlatform(text)
	if err != nil {
		return err
	}
	if platform.OS == "" || platform.Architecture == "" || platform.Variant != "" {
		return errors.New("want OS/ARCH")
	}
	*p = append(*p, *platform)
	return nil
}

// run makes the release and tells out what it does.
func run(ctx context.Context, args []string, out io.Writer) (err error) {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil { //nolint:gosec // Everybody may read it.
		return err
	}
	if entries, err := os.ReadDir(o.out); err != nil || len(entries) > 0 {
		return errors.Join(err, fmt.Errorf("%s is not empty", o.out))
	}
	work, err := os.MkdirTemp("", "berth-release")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	r := &release{options: *o, work: work, log: out}
	for _, step := range []func(context.Context) error{r.loadKey, r.compile, r.list, r.images, r.archives, r.helm, r.checksums, r.publish} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}
