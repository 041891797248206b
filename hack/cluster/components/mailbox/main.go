// Command mailbox is a mail server for development: it takes mails as a real one does, by submission over TLS
// from whoever logs in, and delivers each to a file.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/emersion/go-smtp"
)

// What one client may ask of the server.
const (
	maxMessageBytes = 10 << 20
	maxRecipients   = 50
	idleTimeout     = time.Minute
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "mailbox:", err)
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	submission, submissions string
	cert, key               string
	user, passwordFile      string
	refuseDomain, dir       string
}

func parse(args []string) (options, error) {
	var o options
	fs := flag.NewFlagSet("mailbox", flag.ContinueOnError)
	fs.StringVar(&o.submission, "submission", "", "host:port where TLS begins with STARTTLS; needed")
	fs.StringVar(&o.submissions, "submissions", "", "host:port where TLS begins at once; needed")
	fs.StringVar(&o.cert, "cert", "", "file of the certificate; needed")
	fs.StringVar(&o.key, "key", "", "file of the certificate's key; needed")
	fs.StringVar(&o.user, "user", "", "who may log in; needed")
	fs.StringVar(&o.passwordFile, "password-file", "", "file of that user's password; needed")
	fs.StringVar(&o.refuseDomain, "refuse-domain", "", "domain at which every recipient is refused; empty: none")
	fs.StringVar(&o.dir, "dir", "", "folder that mails arrive in, each as NUMBER.eml; needed")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	for _, name := range []string{"submission", "submissions", "cert", "key", "user", "password-file", "dir"} {
		if fs.Lookup(name).Value.String() == "" {
			return o, fmt.Errorf("-%s is needed", name)
		}
	}
	return o, nil
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	password, err := os.ReadFile(o.passwordFile)
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(o.cert, o.key)
	if err != nil {
		return err
	}
	box, err := openFolder(o.dir)
	if err != nil {
		return err
	}
	server := newServer(&backend{user: o.user, password: strings.TrimSpace(string(password)), refuseDomain: o.refuseDomain, box: box}, pair)
	plain, err := net.Listen("tcp", o.submission)
	if err != nil {
		return err
	}
	implicit, err := tls.Listen("tcp", o.submissions, server.TLSConfig)
	if err != nil {
		return errors.Join(err, plain.Close())
	}
	ended := make(chan error, 2)
	for _, l := range []net.Listener{plain, implicit} {
		go func() { ended <- server.Serve(l) }()
	}
	select {
	case err := <-ended:
		return errors.Join(err, server.Close())
	case <-ctx.Done():
		return server.Close()
	}
}

func newServer(b *backend, pair tls.Certificate) *smtp.Server {
	s := smtp.NewServer(b)
	s.Domain = "mailbox"
	s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	s.MaxMessageBytes, s.MaxRecipients = maxMessageBytes, maxRecipients
	s.ReadTimeout, s.WriteTimeout = idleTimeout, idleTimeout
	s.EnableSMTPUTF8 = true
	return s
}
