package rootcas_test

import (
	"crypto/x509"
	"path/filepath"
	"runtime"
	"testing"

	_ "github.com/berth-dev/berth/internal/rootcas"
)

// TestWithoutBundle is the only test of this package, because a process reads the system's authorities once.
func TestWithoutBundle(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("images are of Linux; other systems verify by themselves")
	}
	missing := filepath.Join(t.TempDir(), "missing")
	t.Setenv("SSL_CERT_FILE", missing)
	t.Setenv("SSL_CERT_DIR", missing)
	roots, err := x509.SystemCertPool()
	if err != nil {
		t.Fatal(err)
	}
	if roots.Equal(x509.NewCertPool()) {
		t.Error("SystemCertPool() without a bundle on the system: got none, want the built-in authorities")
	}
}
