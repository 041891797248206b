package addon

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"text/template"
	"time"

	"github.com/berth-dev/berth/hack/cluster/internal/address"
	"github.com/berth-dev/berth/hack/cluster/internal/component"
	"github.com/berth-dev/berth/hack/cluster/internal/pki"
	"github.com/berth-dev/berth/hack/cluster/internal/supervise"
)

// ACMEIssuer is the name of the ClusterIssuer that asks the ACME server, and of the Secret with its account's
// key.
const ACMEIssuer = "acme"

//go:embed manifests/acme.yaml
var acmeManifestText string

//go:embed config/pebble.json
var pebbleConfigText string

var (
	acmeManifest = template.Must(template.New("acme").Parse(acmeManifestText))
	pebbleConfig = template.Must(template.New("pebble").Parse(pebbleConfigText))
)

// startPebble runs the ACME server. It proves names as a public one does: it looks them up in the cluster's DNS
// and asks for the answer to its challenge at port 80, the ingress controller's.
func (a *Addons) startPebble() error {
	if err := a.o.Authority.Issue("pebble", pki.Subject{User: "pebble", Hosts: []string{address.Node, address.Loopback}}); err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(address.HTTP)
	if err != nil {
		return err
	}
	var config bytes.Buffer
	err = pebbleConfig.Execute(&config, map[string]string{
		"Listen": address.ACME, "Management": address.ACMEManagement, "HTTPPort": port,
		"Cert": filepath.Join(a.o.PKI, "pebble.crt"), "Key": filepath.Join(a.o.PKI, "pebble.key"),
	})
	if err != nil {
		return err
	}
	file := filepath.Join(a.o.Dir, "pebble.json")
	if err := os.WriteFile(file, config.Bytes(), 0o644); err != nil {
		return err
	}
	return a.o.Supervisor.Start(supervise.Program{
		Name: "pebble",
		Path: filepath.Join(a.o.Programs[component.Pebble], "pebble"),
		Args: []string{"-config", file, "-dnsserver", address.DNS},
		Env: []string{
			"PEBBLE_VA_ALWAYS_VALID=0", "PEBBLE_VA_NOSLEEP=1",
			// By default it lets half of the names that it knows pass without a challenge, and refuses some good requests,
			// at random.
			"PEBBLE_AUTHZREUSE=0", "PEBBLE_WFE_NONCEREJECT=0",
		},
	})
}

// MakeACMEIssuer waits for the ACME server, writes its root certificate to rootFile, makes the issuer that asks
// it, and waits until that has an account.
func (a *Addons) MakeACMEIssuer(ctx context.Context, rootFile string) error {
	authority, err := os.ReadFile(a.o.Authority.File())
	if err != nil {
		return err
	}
	root, err := fetchRoot(ctx, authority)
	if err != nil {
		return err
	}
	if err := os.WriteFile(rootFile, root, 0o644); err != nil {
		return err
	}
	// The server keeps its accounts in memory, so it does not know that of an earlier start.
	if err := a.o.Kubectl.Delete(ctx, certManagerNamespace, "clusterissuer/"+ACMEIssuer, "secret/"+ACMEIssuer); err != nil {
		return err
	}
	var manifest bytes.Buffer
	err = acmeManifest.Execute(&manifest, map[string]string{
		"Name": ACMEIssuer, "Server": "https://" + address.ACME + "/dir", "Authority": base64.StdEncoding.EncodeToString(authority),
	})
	if err != nil {
		return err
	}
	if err := a.o.Kubectl.Apply(ctx, manifest.Bytes()); err != nil {
		return err
	}
	return a.o.Kubectl.Wait(ctx, "Ready", "clusterissuer/"+ACMEIssuer)
}

// fetchRoot asks the ACME server for its root certificate, PEM, until it answers.
func fetchRoot(ctx context.Context, authority []byte) ([]byte, error) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 5 * time.Second}
	for {
		root, err := get(ctx, client, "https://"+address.ACMEManagement+"/roots/0")
		if err == nil {
			return root, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("root certificate of the ACME server: %w; %w", context.Cause(ctx), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func get(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, response.Status)
	}
	return io.ReadAll(response.Body)
}
