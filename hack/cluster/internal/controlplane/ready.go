package controlplane

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// readyInterval is how often the API server is asked whether it is ready.
const readyInterval = 50 * time.Millisecond

// waitReady returns when the API server says that it is ready.
func (c *ControlPlane) waitReady(ctx context.Context) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	for {
		err := c.askReady(ctx, client)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("API server not ready: %w: %w", context.Cause(ctx), err)
		case <-time.After(readyInterval):
		}
	}
}

func (c *ControlPlane) askReady(ctx context.Context, client *http.Client) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Server()+"/readyz", http.NoBody)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", response.Status, text)
	}
	return nil
}

func (c *ControlPlane) client() (*http.Client, error) {
	text, err := os.ReadFile(c.Authority.File())
	if err != nil {
		return nil, err
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(text)
	pair, err := tls.LoadX509KeyPair(c.file("apiserver-kubelet.crt"), c.file("apiserver-kubelet.key"))
	if err != nil {
		return nil, err
	}
	config := &tls.Config{RootCAs: trusted, Certificates: []tls.Certificate{pair}}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: config}, Timeout: 5 * time.Second}, nil
}
