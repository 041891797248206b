package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"time"

	"github.com/berth-dev/berth/hack/cluster/internal/cluster"
	"github.com/berth-dev/berth/hack/cluster/internal/component"
	"github.com/berth-dev/berth/hack/cluster/internal/doctor"
	"github.com/berth-dev/berth/hack/cluster/internal/sandbox"
)

func startCommand(ctx context.Context, args []string, _ io.Writer) error {
	o := cluster.Options{Started: time.Now()}
	listen := map[cluster.PortName]*string{}
	fs := flag.NewFlagSet("start", flag.ContinueOnError)
	fs.StringVar(&o.Dir, "dir", "", "folder for all that the cluster writes; needed")
	fs.BoolVar(&o.ControlPlane, "control-plane", os.Geteuid() != 0, "leave out the node, which takes root")
	fs.StringVar(&o.AuditPolicy, "audit-policy", "", "file of an audit policy; the log is audit.log in the folder")
	fs.BoolVar(&o.Flux, "flux", false, "run Flux and a Git server, too")
	fs.BoolVar(&o.OutliveParent, "outlive-parent", false, "go on when the process that started this one has ended")
	fs.BoolVar(&o.OtherPorts, "other-ports", false, "listen on a free port where one that is asked for is taken")
	const forwardUsage = "NAME=LISTEN,TARGET: listen outside for an address in the node's network; FORWARD_NAME in the env file tells where"
	fs.Func("forward", forwardUsage, func(text string) error {
		p, err := cluster.ParseForward(text)
		o.Forwards = append(o.Forwards, p)
		return err
	})
	fs.Func("mirror", "HOST=ADDRESS: images of HOST are pulled over plain HTTP from an address in the node's network", func(text string) error {
		m, err := cluster.ParseMirror(text)
		o.Mirrors = append(o.Mirrors, m)
		return err
	})
	const redirectUsage = "URL: the identity provider may send browsers back there; can be repeated"
	fs.Func("oidc-redirect", redirectUsage, func(url string) error {
		o.Redirects = append(o.Redirects, url)
		return nil
	})
	fs.Func("oidc-person", "ADDRESS=GROUP,GROUP: the identity provider knows this person; can be repeated", func(person string) error {
		o.People = append(o.People, person)
		return nil
	})
	for _, name := range []cluster.PortName{cluster.APIPort, cluster.RegistryPort, cluster.HTTPPort, cluster.HTTPSPort, cluster.OIDCPort} {
		listen[name] = fs.String("listen-"+string(name), cluster.DefaultListen, "host:port for "+string(name)+"; port 0 is a free one")
	}
	if err := fs.Parse(args); err != nil {
		return err
	}
	if o.Dir == "" || fs.NArg() > 0 {
		return errors.New("usage: cluster start --dir DIR [flags]")
	}
	o.Listen = make(map[cluster.PortName]string, len(listen))
	for name, value := range listen {
		o.Listen[name] = *value
	}
	if err := doctor.Check(doctor.ToRun(!o.ControlPlane, o.Flux)); err != nil {
		return err
	}
	var err error
	if o.Programs, err = built(ctx, component.ForMode(!o.ControlPlane, optional(o.Flux)...)); err != nil {
		return err
	}
	return cluster.Start(ctx, o)
}

func stopCommand(_ context.Context, args []string, _ io.Writer) error {
	fs := flag.NewFlagSet("stop", flag.ContinueOnError)
	dir := fs.String("dir", "", "folder of the cluster; needed")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *dir == "" || fs.NArg() > 0 {
		return errors.New("usage: cluster stop --dir DIR")
	}
	return cluster.Stop(*dir)
}

// initCommand is what the first process of a sandbox runs.
func initCommand(_ context.Context, args []string, _ io.Writer) error {
	code, err := sandbox.Init(args)
	if err != nil || code == 0 {
		return err
	}
	return exitCode(code)
}

func nodeCommand(ctx context.Context, args []string, _ io.Writer) error {
	return cluster.RunNode(ctx, args[0])
}

func watchCommand(_ context.Context, args []string, _ io.Writer) error {
	return cluster.Watch(args[0], os.Stdin)
}
