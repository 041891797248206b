package main

import (
	"errors"
	"flag"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	required := []string{"--base-domain=apps.example.com", "--tls-cert-file=tls.crt", "--tls-key-file=tls.key"}
	defaults := flags{
		listenAddress: ":8443", healthAddress: ":8081", certFile: "tls.crt", keyFile: "tls.key",
		baseDomain: "apps.example.com", namespace: "berth-system", drainDelay: 5 * time.Second,
	}
	changed := defaults
	changed.listenAddress, changed.logLevel, changed.drainDelay = "127.0.0.1:0", slog.LevelDebug, 0
	cases := map[string]struct {
		args []string
		want flags
	}{
		"Defaults": {args: required, want: defaults},
		"Changed":  {args: append(required, "--listen-address=127.0.0.1:0", "--log-level=DEBUG", "--drain-delay=0"), want: changed},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := parse(tc.args)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, *got, cmp.AllowUnexported(flags{})); diff != "" {
				t.Errorf("parse(...): -want, +got:\n%s", diff)
			}
		})
	}
}

func TestParseMistakes(t *testing.T) {
	required := []string{"--base-domain=apps.example.com", "--tls-cert-file=tls.crt", "--tls-key-file=tls.key"}
	cases := map[string]struct {
		args []string
		want string
	}{
		"NoBaseDomain":  {args: required[1:], want: "--base-domain is required"},
		"NoKey":         {args: required[:2], want: "--tls-key-file is required"},
		"Argument":      {args: append(required, "serve"), want: "unexpected argument"},
		"UnknownFlag":   {args: append(required, "--insecure"), want: "insecure"},
		"UnknownLevel":  {args: append(required, "--log-level=LOUD"), want: "LOUD"},
		"HelpIsNoError": {args: []string{"--help"}, want: flag.ErrHelp.Error()},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := parse(tc.args); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("parse(...): got %v, want an error that tells of %q", err, tc.want)
			}
		})
	}
}

// TestRunWithoutCertificate says that the command ends with the reason when it can't serve.
func TestRunWithoutCertificate(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "tls.crt")
	t.Setenv("KUBECONFIG", filepath.Join("testdata", "kubeconfig.yaml"))
	err := run(t.Context(), []string{"--base-domain=apps.example.com", "--tls-cert-file=" + missing, "--tls-key-file=" + missing})
	if err == nil || errors.Is(err, flag.ErrHelp) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("run(...): got %v, want an error about the certificate", err)
	}
}
