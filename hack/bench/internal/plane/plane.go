// Package plane runs what Berth is measured on: etcd and a kube-apiserver with an audit log, and Berth's and cert-manager's kinds, rights and
// policies in it. Nothing else runs, so that nobody else has a share in the figures.
package plane

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/hack/bench/internal/audit"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

// auditPolicy has every request in the log, once when it is answered, and a watch when it begins as well.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
`

// auditLogMegabytes is more than the log of any run has: one that is rotated can't be counted.
const auditLogMegabytes = "100000"

// Plane is a running control plane.
type Plane struct {
	// Config reaches it as an administrator, without any limit on requests.
	Config *rest.Config
	// Client is a client of Config.
	Client *kubernetes.Clientset
	// Audit is its audit log.
	Audit *audit.Log

	dir string
	env *envtest.Environment
}

// Start starts a control plane that keeps its files in a folder. The variable KUBEBUILDER_ASSETS names the folder with its programs.
func Start(ctx context.Context, dir string) (*Plane, error) {
	crds, err := testenv.CRDFolders()
	if err != nil {
		return nil, err
	}
	policy, log := filepath.Join(dir, "audit-policy.yaml"), filepath.Join(dir, "audit.log")
	if err := os.WriteFile(policy, []byte(auditPolicy), 0o600); err != nil {
		return nil, err
	}
	p := &Plane{dir: dir, env: &envtest.Environment{CRDDirectoryPaths: crds, ErrorIfCRDPathMissing: true}}
	// The range that envtest sets has room for 250 Services.
	p.env.ControlPlane.GetAPIServer().Configure().Set("service-cluster-ip-range", "10.0.0.0/16").
		Set("delete-collection-workers", "8"). // For what the floor has made.
		Set("etcd-compaction-interval", "0").  // It would come every five minutes, into a figure and not into its floor.
		Set("audit-policy-file", policy).Set("audit-log-path", log).Set("audit-log-maxsize", auditLogMegabytes)
	if p.Config, err = p.env.Start(); err != nil {
		return nil, fmt.Errorf("start the API server: %w", err)
	}
	p.Config.QPS = -1
	p.Audit = &audit.Log{File: log, Ask: p.ask}
	if err := p.install(ctx); err != nil {
		return nil, fmt.Errorf("%w; and then: %w", err, p.Stop())
	}
	return p, nil
}

func (p *Plane) install(ctx context.Context) (err error) {
	if p.Client, err = kubernetes.NewForConfig(p.Config); err != nil {
		return err
	}
	if err := testenv.InstallRights(ctx, p.Config); err != nil {
		return fmt.Errorf("install Berth's rights: %w", err)
	}
	return testenv.AwaitPolicies(ctx, p.Config)
}

// Stop ends it.
func (p *Plane) Stop() error { return p.env.Stop() }

// ask makes a request that shows in the audit log by its user agent.
func (p *Plane) ask(ctx context.Context, agent string) error {
	config := rest.CopyConfig(p.Config)
	config.UserAgent = agent
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return err
	}
	return client.RESTClient().Get().AbsPath("/version").Do(ctx).Error()
}

// Kubeconfig writes a file that leads to the API server as one of Berth's ServiceAccounts, and returns its path.
func (p *Plane) Kubeconfig(ctx context.Context, account string) (string, error) {
	config, err := testenv.ServiceAccount(ctx, p.Config, account)
	if err != nil {
		return "", err
	}
	file := clientcmdapi.NewConfig()
	file.Clusters["bench"] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	file.AuthInfos["bench"] = &clientcmdapi.AuthInfo{Token: config.BearerToken}
	file.Contexts["bench"] = &clientcmdapi.Context{Cluster: "bench", AuthInfo: "bench", Namespace: testenv.Namespace}
	file.CurrentContext = "bench"
	path := filepath.Join(p.dir, account+".kubeconfig")
	return path, clientcmd.WriteToFile(*file, path)
}

// Namespace makes a Namespace, which is that of a trusted Organization or not.
func (p *Plane) Namespace(ctx context.Context, name string, organization bool) error {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if organization {
		ns.Labels = map[string]string{v1alpha1.LabelOrganization: name}
	}
	if _, err := p.Client.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil || !organization {
		return err
	}
	org, err := json.Marshal(&v1alpha1.Organization{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "Organization"},
		ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.OrganizationSpec{Trusted: new(true)},
	})
	if err != nil {
		return err
	}
	path := "/apis/" + v1alpha1.GroupVersion.String() + "/organizations"
	return p.Client.RESTClient().Post().AbsPath(path).SetHeader("Content-Type", "application/json").Body(org).Do(ctx).Error()
}
