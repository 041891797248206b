// Command kube holds every Kubernetes program of the cluster in one binary: etcd, kube-apiserver,
// kube-controller-manager, kube-scheduler, kubelet, kube-proxy and kubectl. They share nearly all of
// their packages, so one link and one file on disk serve all seven.
//
// The program to run is named by the file name that the binary is called by (a link named kubectl is
// kubectl, which is also what makes a folder of such links an envtest assets folder), or else by the
// first argument.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // kubectl's log-in plugins
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectlcmd "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	kubeproxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

var programs = map[string]func() int{
	"etcd":                    func() int { etcdmain.Main(os.Args); return 0 },
	"kube-apiserver":          func() int { return server(apiserver.NewAPIServerCommand()) },
	"kube-controller-manager": func() int { return server(controllermanager.NewControllerManagerCommand()) },
	"kube-scheduler":          func() int { return server(scheduler.NewSchedulerCommand()) },
	"kubelet":                 func() int { return server(kubelet.NewKubeletCommand(context.Background())) },
	"kube-proxy":              func() int { return server(kubeproxy.NewProxyCommand()) },
	"kubectl":                 kubectl,
}

func main() {
	name := filepath.Base(os.Args[0])
	run, ok := programs[name]
	if !ok && len(os.Args) > 1 {
		name = os.Args[1]
		run, ok = programs[name]
		os.Args = os.Args[1:]
	}
	if !ok {
		fmt.Fprintf(os.Stderr, "usage: kube %s [flags]\n", strings.Join(names(), "|"))
		os.Exit(2)
	}
	// Programs print and compare the name that they were called by.
	os.Args[0] = name
	os.Exit(run())
}

func names() []string {
	all := make([]string, 0, len(programs))
	for n := range programs {
		all = append(all, n)
	}
	slices.Sort(all)
	return all
}

func server(cmd *cobra.Command) int { return cli.Run(cmd) }

func kubectl() int {
	// CheckErr prints the error the way kubectl's users know it, and exits with the code that fits it.
	kubectlutil.CheckErr(cli.RunNoErrOutput(kubectlcmd.NewDefaultKubectlCommand()))
	return 0
}
