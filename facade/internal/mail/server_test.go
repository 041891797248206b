package mail

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// password opens the test's mail servers to the user ann.
const password = "correct horse"

// received is a message as a server got it.
type received struct {
	from, to, user string
	encrypted      bool
	text           string
	// parameters are those of MAIL, at a strict server.
	parameters string
}

// server is a real mail server on loopback. It takes messages for every recipient but nobody@example.com.
type server struct {
	port int
	// authority is the certificate that its own is signed by.
	authority []byte
	// connections counts those that were accepted.
	connections atomic.Int32
	// sent is how many bytes an endless one got rid of.
	sent atomic.Int64

	mu    sync.Mutex
	inbox []received
	// logins are the mechanisms that were tried at a strict server.
	logins []string
}

// serverOptions say how a server differs from a well-behaved one with STARTTLS and logins.
type serverOptions struct {
	noTLS, implicitTLS, noLogin bool
	// address is where it listens. Default: 127.0.0.1.
	address string
	// names are what its certificate is for. Default: 127.0.0.1 and localhost.
	names []string
	// silent never says a word, and endless says this for ever.
	silent  bool
	endless string
	// strict is served by the letter of RFC 5321, and dialogue says what else is special there.
	strict   bool
	dialogue dialogue
}

func startServer(t *testing.T, options serverOptions) *server {
	t.Helper()
	if options.address == "" {
		options.address = "127.0.0.1"
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(options.address, "0"))
	if err != nil && options.address == "::1" {
		t.Skip("no IPv6 here")
	}
	if err != nil {
		t.Fatal(err)
	}
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("listening on %s", listener.Addr())
	}
	s := &server{port: address.Port}
	config, authority := serverTLS(t, options.names)
	s.authority = authority
	listener = &countingListener{Listener: listener, count: &s.connections}
	t.Cleanup(func() { _ = listener.Close() })
	switch {
	case options.silent:
		go accept(listener, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	case options.endless != "":
		go accept(listener, func(c net.Conn) { s.talk(c, options.endless) })
	case options.strict:
		startStrict(t, s, listener, config, options)
	default:
		s.startLenient(t, listener, config, options)
	}
	return s
}

// startLenient serves with go-smtp.
func (s *server) startLenient(t *testing.T, listener net.Listener, config *tls.Config, options serverOptions) {
	t.Helper()
	lenient := smtp.NewServer(&backend{server: s, noLogin: options.noLogin})
	lenient.Domain = "mail.example.com"
	if !options.noTLS {
		lenient.TLSConfig = config
	}
	if options.implicitTLS {
		listener = tls.NewListener(listener, config)
	}
	t.Cleanup(func() { _ = lenient.Close() })
	go func() { _ = lenient.Serve(listener) }() // It ends when the server is closed.
}

func accept(l net.Listener, handle func(net.Conn)) {
	for {
		connection, err := l.Accept()
		if err != nil {
			return
		}
		go handle(connection)
	}
}

// talk says some words again and again until nobody listens any more.
func (s *server) talk(c net.Conn, words string) {
	block := bytes.Repeat([]byte(words), 1000)
	for {
		n, err := c.Write(block)
		s.sent.Add(int64(n))
		if err != nil {
			return
		}
	}
}

// messages returns what has arrived.
func (s *server) messages() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inbox
}

type countingListener struct {
	net.Listener
	count *atomic.Int32
}

func (l *countingListener) Accept() (net.Conn, error) {
	connection, err := l.Listener.Accept()
	if err == nil {
		l.count.Add(1)
	}
	return connection, err
}

type backend struct {
	server  *server
	noLogin bool
}

// NewSession begins with a connection.
func (b *backend) NewSession(connection *smtp.Conn) (smtp.Session, error) {
	s := &lenientSession{backend: b}
	_, s.message.encrypted = connection.TLSConnectionState()
	if b.noLogin {
		return s, nil
	}
	return &loginSession{lenientSession: s}, nil
}

type lenientSession struct {
	backend *backend
	message received
}

func (s *lenientSession) Mail(from string, _ *smtp.MailOptions) error {
	s.message.from = from
	return nil
}

func (s *lenientSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if to == "nobody@example.com" {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "Nobody lives here\nany more"}
	}
	s.message.to = to
	return nil
}

func (s *lenientSession) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.message.text = string(text)
	s.backend.server.mu.Lock()
	defer s.backend.server.mu.Unlock()
	s.backend.server.inbox = append(s.backend.server.inbox, s.message)
	return nil
}

func (*lenientSession) Reset()        {}
func (*lenientSession) Logout() error { return nil }

// loginSession is a session that wants a login before it takes anything.
type loginSession struct{ *lenientSession }

func (*loginSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *loginSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, given string) error {
		if user != "ann" || given != password {
			return smtp.ErrAuthFailed
		}
		s.message.user = user
		return nil
	}), nil
}

func (s *loginSession) Mail(from string, o *smtp.MailOptions) error {
	if s.message.user == "" {
		return smtp.ErrAuthRequired
	}
	return s.lenientSession.Mail(from, o)
}

// serverTLS makes a certificate authority and a certificate of its for a server.
func serverTLS(t *testing.T, names []string) (*tls.Config, []byte) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, DNSNames: names,
	}
	if len(names) == 0 {
		template.DNSNames, template.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
	return config, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// newSender makes a Sender that trusts a server and may go to these networks.
func newSender(t *testing.T, s *server, networks ...string) *Sender {
	t.Helper()
	options := Options{Name: "apps.example.com", Authorities: s.authority, Timeout: patient}
	for _, network := range networks {
		options.Egress.Allowed = append(options.Egress.Allowed, netip.MustParsePrefix(network))
	}
	sender, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	return sender
}

// patient is the timeout of the tests' senders: far more than anything takes on loopback.
const patient = 10 * time.Second

// noNetwork is a resolver's dial that fails the lookup.
func noNetwork(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("no DNS here")
}
