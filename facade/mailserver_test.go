package facade

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// mailServer is a real mail server on loopback, which takes every message and every login but the password "wrong".
type mailServer struct {
	port int32
	// authority is the certificate that it has signed its own with, PEM.
	authority []byte

	mu     sync.Mutex
	inbox  []received
	server *smtp.Server
}

// received is a message as a mail server got it.
type received struct{ from, to, user, password, subject, replyTo string }

// mailHost is where the tests' mail servers are.
const mailHost = "127.0.0.1"

// startMailServer starts a server with a certificate of its own in dir, which it makes.
func startMailServer(dir string) (*mailServer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if _, err := writeCertificate(dir, mailHost); err != nil {
		return nil, err
	}
	certificate, err := tls.LoadX509KeyPair(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"))
	if err != nil {
		return nil, err
	}
	authority, err := os.ReadFile(filepath.Join(dir, "tls.crt"))
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return nil, errors.New("no TCP address")
	}
	s := &mailServer{port: int32(address.Port), authority: authority}
	s.server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &mailSession{server: s}, nil }))
	s.server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
	go func() { _ = s.server.Serve(listener) }()
	return s, nil
}

// messagesFor are the test e-mails for a host that arrived since they were last asked for.
func (s *mailServer) messagesFor(host string) []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	forHost := func(m received) bool { return m.subject == "Test e-mail for "+host }
	others := slices.DeleteFunc(slices.Clone(s.inbox), forHost)
	messages := slices.DeleteFunc(s.inbox, func(m received) bool { return !forHost(m) })
	s.inbox = others
	return messages
}

// mailSession is one connection to a mailServer.
type mailSession struct {
	server  *mailServer
	message received
}

func (*mailSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if password == "wrong" {
			return &smtp.SMTPError{Code: 535, Message: "who are you?"}
		}
		s.message.user, s.message.password = user, password
		return nil
	}), nil
}

func (s *mailSession) Mail(from string, _ *smtp.MailOptions) error {
	s.message.from = from
	return nil
}

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.message.to = to
	return nil
}

func (s *mailSession) Data(data io.Reader) error {
	text, err := io.ReadAll(data)
	if err != nil {
		return err
	}
	message, err := mail.ReadMessage(bytes.NewReader(text))
	if err != nil {
		return err
	}
	s.message.subject, s.message.replyTo = message.Header.Get("Subject"), message.Header.Get("Reply-To")
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.inbox = append(s.server.inbox, s.message)
	return nil
}

func (*mailSession) Reset() {}

func (*mailSession) Logout() error { return nil }
