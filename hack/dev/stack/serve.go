package stack

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// serve gets operator and facade running, each mode in its way, and finds out where the facade answers.
func (s *Stack) serve(ctx context.Context) error {
	if err := s.writeCertificates(ctx); err != nil {
		return err
	}
	if i := s.Identity(); i != nil {
		s.Env.ProfileURL, s.Env.PasswordFile = i.PublicURL+"/profile/", i.PasswordFile
	}
	switch s.Env.Mode {
	case "control-plane":
		return s.startProcesses(ctx)
	case "node":
		s.Env.URL = "https://" + s.cluster.env["FORWARD_FACADE"]
		return s.rolledOut(ctx)
	default:
		if err := s.rolledOut(ctx); err != nil {
			return err
		}
		return s.forwardFacade(ctx)
	}
}

// writeCertificates waits for the certificate that cert-manager issues for the facade and writes its authority to a file, and, for a
// facade that is a process of this machine, its pair too.
func (s *Stack) writeCertificates(ctx context.Context) error {
	var secret corev1.Secret
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, 2*time.Minute, true, func(ctx context.Context) (bool, error) {
		err := s.Client.Get(ctx, client.ObjectKey{Namespace: Namespace, Name: "berth-facade-tls"}, &secret)
		return err == nil && len(secret.Data[corev1.TLSCertKey]) > 0, client.IgnoreNotFound(err)
	})
	if err != nil {
		return fmt.Errorf("the facade's certificate: %w", err)
	}
	authority := secret.Data["ca.crt"]
	if len(authority) == 0 {
		authority = secret.Data[corev1.TLSCertKey] // A public authority's; the leaf vouches for itself.
	}
	files := map[string][]byte{"facade-ca.crt": authority}
	if s.Env.Mode == "control-plane" {
		files["facade.crt"], files["facade.key"] = secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey]
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(s.opts.Dir, name), data, 0o600); err != nil {
			return err
		}
	}
	s.Env.CA = filepath.Join(s.opts.Dir, "facade-ca.crt")
	if s.Env.CAIngress == "" {
		s.Env.CAIngress = s.Env.CA
	}
	return nil
}

// HTTPClient is a client that trusts the authorities of these files alone; without any, those of the facade's certificate and of the
// default certificates of Apps.
func (s *Stack) HTTPClient(authorities ...string) (*http.Client, error) {
	if len(authorities) == 0 {
		authorities = []string{s.Env.CA, s.Env.CAIngress}
	}
	pool := x509.NewCertPool()
	for _, file := range authorities {
		pem, err := os.ReadFile(file) //nolint:gosec // The caller's choice.
		if err != nil {
			return nil, err
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, errors.New(file + " holds no certificate")
		}
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, DialContext: s.dial}
	asIs := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &http.Client{Transport: transport, Timeout: 30 * time.Second, CheckRedirect: asIs}, nil
}

// dial knows where the hosts of Apps and Domains are served, without DNS: by the ingress controller on loopback.
func (s *Stack) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	switch {
	case net.ParseIP(host) != nil || host == "localhost":
	case port == "443":
		addr = s.Env.HTTPSAddr
	case port == "80":
		addr = s.Env.HTTPAddr
	}
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	return dialer.DialContext(ctx, network, addr)
}

// waitForFacade waits until the facade answers through the address that clients use, and wants to know who calls: before its caches are
// filled, it does not.
func (s *Stack) waitForFacade(ctx context.Context) error {
	return s.WaitForStatus(ctx, s.Env.URL+"/api/containers/"+Organization+"/apps/", http.StatusUnauthorized)
}

// WaitForStatus waits until a GET of an address, of the facade or of an App, is answered with the status; a minute at most.
func (s *Stack) WaitForStatus(ctx context.Context, address string, status int) error {
	hc, err := s.HTTPClient()
	if err != nil {
		return err
	}
	last := errors.New("no answer yet")
	err = wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
		if err != nil {
			return false, err
		}
		res, err := hc.Do(req)
		if err != nil {
			last = err
			return false, nil //nolint:nilerr // It is the error at the end, if there is no other answer before.
		}
		last = fmt.Errorf("status %s", res.Status)
		return res.StatusCode == status, res.Body.Close()
	})
	if err != nil {
		return fmt.Errorf("%s: %w: %w", address, err, last)
	}
	return nil
}
