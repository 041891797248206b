package chaos

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"

	"github.com/berth-dev/berth/facade"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

// doors are facades that clients call, with the certificate that all of them have.
type doors struct {
	dir    string
	client *http.Client

	mu   sync.Mutex
	urls []string
}

// newDoors makes the certificate.
func newDoors(t *testing.T) *doors {
	t.Helper()
	d := &doors{dir: t.TempDir()}
	chain, key, err := suite.issuer.sign("localhost")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(d.file("tls.crt"), chain, 0o600), os.WriteFile(d.file("tls.key"), key, 0o600)); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(chain)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "localhost"}, MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	d.client = &http.Client{Transport: transport, Timeout: 15 * time.Second}
	return d
}

func (d *doors) file(name string) string { return filepath.Join(d.dir, name) }

// url returns one of the facades, another one for each number in turn.
func (d *doors) url(number int) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.urls[number%len(d.urls)]
}

func (d *doors) add(address string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.urls = append(d.urls, "https://"+address)
}

// open starts a facade in this process, whose requests go through a round tripper unless that is nil. The function ends it, at the latest with
// the test.
func (d *doors) open(t *testing.T, wrap func(http.RoundTripper) http.RoundTripper) (stop func()) {
	t.Helper()
	config := rest.CopyConfig(suite.facade)
	if wrap != nil {
		config.Wrap(wrap)
	}
	certificate, err := certwatcher.New(d.file("tls.crt"), d.file("tls.key"))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", loopback+":0")
	if err != nil {
		t.Fatal(err)
	}
	health, err := net.Listen("tcp", loopback+":0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	server, err := facade.New(ctx, facade.Options{
		Config: config, Namespace: testenv.Namespace, BaseDomain: baseDomain, Listener: listener, HealthListener: health,
		Certificate: certificate, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	ended := started(ctx, "a facade", server.Run)
	stop = sync.OnceFunc(func() { cancel(); <-ended })
	t.Cleanup(stop)
	d.add(listener.Addr().String())
	return stop
}

// spawn starts a facade as a process with these arguments in addition, which is killed with the test at the latest.
func (d *doors) spawn(t *testing.T, program string, args ...string) *process {
	t.Helper()
	ports, err := freePorts(2)
	if err != nil {
		t.Fatal(err)
	}
	p := newProcess(t, program, suite.facade, append([]string{
		"--listen-address=" + ports[0], "--health-probe-bind-address=" + ports[1], "--metrics-bind-address=0",
		"--tls-cert-file=" + d.file("tls.crt"), "--tls-key-file=" + d.file("tls.key"), "--base-domain=" + baseDomain,
	}, args...)...)
	d.add(ports[0])
	return p
}
