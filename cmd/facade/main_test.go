package main

import (
	"errors"
	"flag"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/berth-dev/berth/facade"
)

func TestParse(t *testing.T) {
	required := []string{"--base-domain=apps.example.com", "--tls-cert-file=tls.crt", "--tls-key-file=tls.key"}
	defaults := flags{
		listenAddress: ":8443", healthAddress: ":8081", metricsAddress: ":8080", certFile: "tls.crt", keyFile: "tls.key",
		baseDomain: "apps.example.com", namespace: "berth-system", keysNamespace: "berth-keys", drainDelay: 5 * time.Second,
		hosts:  hostFlags{clusterDomain: "cluster.local"},
		signIn: signInFlags{groupsClaim: "groups", scopes: "openid,email,profile,groups"},
		limits: facade.Limits{FailedLogins: 30, KeyRate: 50, KeyBurst: 100},
		keys:   facade.KeyLimits{PerOwner: 20, PerOrganization: 200, Life: 365 * 24 * time.Hour},
		edge:   facade.Edge{Connections: 4096, ConnectionsPerAddress: 512, Requests: 3000, AnonymousLines: 10}, hstsMaxAge: 365 * 24 * time.Hour,
		mail: mailFlags{timeout: time.Minute},
	}
	defaults.keyOwnerSeen = 90 * 24 * time.Hour
	changed := defaults
	changed.listenAddress, changed.logLevel, changed.drainDelay = "127.0.0.1:0", slog.LevelDebug, 0
	changed.metricsAddress = "0"
	mailing := defaults
	mailing.mail = mailFlags{
		from: "hello@example.com", host: "smtp.example.com", user: "ann", port: 465, passwordFile: "password", rootsFile: "ca.crt",
		senders:  domains{"example.com", "news.example.com", "example.org"},
		networks: networks{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/8"), netip.MustParsePrefix("192.0.2.1/32")},
		denied:   networks{netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("203.0.113.1/32")},
		ports:    ports{2465, 2587, 26},
		timeout:  30 * time.Second,
	}
	signing := defaults
	signing.signIn = signInFlags{
		issuer: "https://id.example.com", clientID: "berth", secretFile: "secret", rootsFile: "ca.crt", groupsClaim: "roles", groupsPrefix: "berth:",
		scopes: "openid", publicURL: "https://berth.example.com", sessionKeyFile: "key",
		groups: facade.GroupMap{"cn=devs,dc=example": {"berth:acme:manager", "berth:cowork:manager"}, "staff": {"berth:host"}},
	}
	reserving := defaults
	reserving.hosts = hostFlags{clusterDomain: "corp.internal", reserved: domains{"login.example.com", "internal", "id.example.com"}, verify: true}
	version := defaults
	version.baseDomain, version.certFile, version.keyFile, version.version = "", "", "", true
	unlimited := defaults
	unlimited.limits, unlimited.proxies = facade.Limits{KeyBurst: 7}, networks{netip.MustParsePrefix("10.2.0.0/16"), netip.MustParsePrefix("fd00::/8")}
	bounded := defaults
	bounded.hstsMaxAge = time.Hour
	bounded.edge = facade.Edge{Connections: 100, Requests: 7, AnonymousLines: 0.5}
	keys := defaults
	keys.keysNamespace, keys.keyOwnerSeen = "keys", 0
	keys.keys = facade.KeyLimits{PerOrganization: 7, Life: 720 * time.Hour}
	cases := map[string]struct {
		args []string
		want flags
	}{
		"Keys": {
			args: append(required, "--max-keys-per-owner=0", "--max-keys-per-organization=7", "--max-key-life=720h", "--keys-namespace=keys",
				"--key-owner-seen=0"),
			want: keys,
		},
		"Edge": {
			args: append(required, "--max-connections=100", "--max-connections-per-address=0", "--max-requests=7", "--anonymous-log-rate=0.5",
				"--hsts-max-age=1h"),
			want: bounded,
		},
		"SignIn": {
			args: append(required, "--oidc-issuer-url=https://id.example.com", "--oidc-client-id=berth", "--oidc-client-secret-file=secret",
				"--oidc-ca-file=ca.crt", "--oidc-groups-claim=roles", "--oidc-groups-prefix=berth:", "--oidc-scopes=openid",
				"--oidc-group=cn=devs,dc=example=acme:manager; cn=devs,dc=example=cowork:manager", "--oidc-group=;staff=host;", "--oidc-group=",
				"--public-url=https://berth.example.com", "--session-key-file=key"),
			want: signing,
		},
		"Hosts": {
			args: append(required, "--cluster-domain=Corp.internal.", "--reserved-host=Login.example.com., internal", "--reserved-host=id.example.com,internal",
				"--verify-domains"),
			want: reserving,
		},
		"Limits":   {args: append(required, "--failed-logins=0", "--key-rate=0", "--key-burst=7", "--trusted-proxy=10.2.3.4/16,fd00::/8"), want: unlimited},
		"Version":  {args: []string{"--version"}, want: version},
		"Defaults": {args: required, want: defaults},
		"Changed":  {args: append(required, "--listen-address=127.0.0.1:0", "--metrics-bind-address=0", "--log-level=DEBUG", "--drain-delay=0"), want: changed},
		"Mail": {
			args: append(required, "--default-from-email=hello@example.com", "--default-email-host=smtp.example.com", "--default-email-port=465",
				"--email-sender-domain=Example.com., news.example.com", "--email-sender-domain=example.com,example.org",
				"--default-email-host-user=ann", "--default-email-password-file=password", "--email-ca-file=ca.crt",
				"--email-allow-network=10.1.2.3/16, fd00::/8", "--email-allow-network=192.0.2.1/32", "--email-deny-network=198.51.100.7/24,2001:db8::/32",
				"--email-deny-network=203.0.113.1/32", "--email-allow-port=2465, 2587", "--email-allow-port=26", "--email-timeout=30s"),
			want: mailing,
		},
		"EmptyMail": {
			args: append(required, "--trusted-proxy=", "--reserved-host=", "--default-from-email=", "--email-sender-domain=", "--default-email-host=",
				"--default-email-port=", "--default-email-host-user=", "--default-email-password-file=", "--email-ca-file=", "--email-allow-network=",
				"--email-deny-network=", "--email-allow-port="),
			want: defaults,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := parse(tc.args)
			if err != nil {
				t.Fatal(err)
			}
			unexported := cmp.AllowUnexported(flags{}, hostFlags{}, mailFlags{}, signInFlags{})
			if diff := cmp.Diff(tc.want, *got, unexported, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
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
		"ReservedHost":  {args: append(required, "--reserved-host=*.example.com"), want: "reserved-host"},
		"KeysNamespace": {args: append(required, "--keys-namespace="), want: "--keys-namespace is required"},
		"KeyOwnerSeen":  {args: append(required, "--key-owner-seen=1h"), want: "key-owner-seen"},
		"KeysPerOwner":  {args: append(required, "--max-keys-per-owner=-1"), want: "must not be negative"},
		"KeyLife":       {args: append(required, "--max-key-life=-1h"), want: "max-key-life"},
		"NoKeyLife":     {args: append(required, "--max-key-life=1s"), want: "max-key-life"},
		"KeysPerOrg":    {args: append(required, "--max-keys-per-organization=-1"), want: "must not be negative"},
		"UnknownFlag":   {args: append(required, "--insecure"), want: "insecure"},
		"Port":          {args: append(required, "--default-email-port=65536"), want: "default-email-port"},
		"SenderDomain":  {args: append(required, "--email-sender-domain=*.example.com"), want: "email-sender-domain"},
		"MailTimeout":   {args: append(required, "--email-timeout=0"), want: "email-timeout"},
		"Network":       {args: append(required, "--email-allow-network=10.1.0.0"), want: "email-allow-network"},
		"Denied":        {args: append(required, "--email-deny-network=nodes"), want: "email-deny-network"},
		"MailPort":      {args: append(required, "--email-allow-port=0"), want: "email-allow-port"},
		"MailPortName":  {args: append(required, "--email-allow-port=smtp"), want: "email-allow-port"},
		"Limit":         {args: append(required, "--key-rate=-1"), want: "limit"},
		"Connections":   {args: append(required, "--max-connections=-1"), want: "max-connections"},
		"PerAddress":    {args: append(required, "--max-connections-per-address=-1"), want: "max-connections-per-address"},
		"HSTS":          {args: append(required, "--hsts-max-age=-1s"), want: "hsts-max-age"},
		"LogRate":       {args: append(required, "--anonymous-log-rate=-0.1"), want: "anonymous-log-rate"},
		"Group":         {args: append(required, "--oidc-group=staff=everything"), want: "oidc-group"},
		"Proxy":         {args: append(required, "--trusted-proxy=proxy.example.com"), want: "trusted-proxy"},
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

// wantOptions holds what flags say against what they are to say.
func wantOptions[T any](t *testing.T, reason string, want T, options func() (T, error)) {
	t.Helper()
	got, err := options()
	if err != nil {
		t.Fatalf("\n%s\noptions(): %v", reason, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("\n%s\noptions(): -want, +got:\n%s", reason, diff)
	}
}

func TestMailOptions(t *testing.T) {
	dir := t.TempDir()
	password, roots := filepath.Join(dir, "password"), filepath.Join(dir, "ca.crt")
	f := mailFlags{
		from: "a@b", host: "smtp.example.com", port: 465, user: "ann", passwordFile: password, rootsFile: roots, ports: ports{2465}, timeout: time.Second,
	}
	want := facade.Mail{From: "a@b", Host: "smtp.example.com", Port: 465, User: "ann", Ports: []uint16{25, 465, 587, 2525, 2465}, Timeout: time.Second}
	wantOptions(t, "Files that are missing are none: a Secret may lack a key.", want, f.options)
	for name, content := range map[string]string{password: " p \r\n", roots: "PEM\n"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want.Password, want.Authorities = " p ", []byte("PEM\n")
	wantOptions(t, "The line break at the end is no part of a password.", want, f.options)
	for _, broken := range []mailFlags{{passwordFile: dir}, {rootsFile: dir}} {
		if _, err := broken.options(); err == nil {
			t.Errorf("options() of %+v: no error for a file that can't be read", broken)
		}
	}
}

func TestSignInOptions(t *testing.T) {
	dir := t.TempDir()
	secret, key := filepath.Join(dir, "secret"), filepath.Join(dir, "key")
	f := signInFlags{
		secretFile: secret, rootsFile: filepath.Join(dir, "ca.crt"), sessionKeyFile: key, scopes: "openid, groups", publicURL: "https://b.example.com/",
	}
	if got, err := f.options(); err != nil || got.Issuer != "" {
		t.Errorf("options() without an issuer: got %+v, %v", got, err)
	}
	f.issuer = "https://id.example.com"
	want := facade.SignIn{Issuer: f.issuer, Scopes: []string{"openid", "groups"}, PublicURL: "https://b.example.com"}
	wantOptions(t, "Files that are missing are none: a public client has no secret.", want, f.options)
	for name, content := range map[string]string{secret: "s\n", key: "k\n"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want.ClientSecret, want.SessionKey = "s", []byte("k\n")
	wantOptions(t, "The line break at the end is no part of a secret; a key is all bytes of its file.", want, f.options)
	f.sessionKeyFile = dir
	if _, err := f.options(); err == nil {
		t.Error("options(): no error for a file that can't be read")
	}
}

func TestHostOptions(t *testing.T) {
	f := hostFlags{clusterDomain: "corp.internal", reserved: domains{"login.example.com"}, verify: true}
	want := facade.Hosts{Public: "berth.example.com", ClusterDomain: "corp.internal", Reserved: []string{"login.example.com"}, Verify: true}
	wantOptions(t, "The host of the public URL is reserved, sign-in or not.", want, func() (facade.Hosts, error) {
		return f.options("https://Berth.Example.com/")
	})
	if _, err := f.options("berth.example.com"); err == nil || !strings.Contains(err.Error(), "--public-url") {
		t.Errorf("options(): got %v for an address without a scheme, want an error that names --public-url", err)
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

// TestListen says that a facade listens for nothing when it can't listen for all that it is to, and not for metrics if that is unwanted.
func TestListen(t *testing.T) {
	f := &flags{listenAddress: "127.0.0.1:0", healthAddress: "127.0.0.1:0", metricsAddress: "0"}
	l, err := f.listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if l.metrics != nil {
		t.Error("metrics are served")
	}
	f.metricsAddress = l.api.Addr().String()
	if _, err := f.listen(t.Context()); err == nil {
		t.Error("listen() at a port that is taken: no error")
	}
	if err := l.close(); err != nil {
		t.Error(err)
	}
	if l, err = f.listen(t.Context()); err != nil || l.metrics.Addr().String() != f.metricsAddress {
		t.Fatalf("listen(): %v, %v", l, err)
	}
	if err := l.close(); err != nil {
		t.Error(err)
	}
}
