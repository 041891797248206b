// Command dex is an identity provider for development: the Dex server with people who are named on the command line, and who all sign in
// with one password. It keeps everything in memory.
//
// Dex's own command is no part of a module that can be fetched: it takes a version of Dex's API that only Dex's repository has.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/dexidp/dex/server"
	"github.com/dexidp/dex/server/authflow"
	"github.com/dexidp/dex/server/connectors"
	"github.com/dexidp/dex/server/oauth2"
	"github.com/dexidp/dex/server/signer"
	"github.com/dexidp/dex/storage"
	"github.com/dexidp/dex/storage/memory"
	"golang.org/x/crypto/bcrypt"
)

const (
	tokensValidFor = time.Hour
	keyRotation    = "24h"
	headerTimeout  = 10 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "dex:", err)
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	issuer, listen string
	cert, key      string
	clientID       string
	secretFile     string
	passwordFile   string
	redirects      []string
	people         []storage.Password
}

func parse(args []string) (options, error) {
	var o options
	fs := flag.NewFlagSet("dex", flag.ContinueOnError)
	fs.StringVar(&o.issuer, "issuer", "", "https URL under which browsers and clients reach the server; needed")
	fs.StringVar(&o.listen, "listen", "", "host:port to serve HTTPS at; needed")
	fs.StringVar(&o.cert, "cert", "", "file of the certificate; needed")
	fs.StringVar(&o.key, "key", "", "file of the certificate's key; needed")
	fs.StringVar(&o.clientID, "client-id", "", "the client that people sign in to; needed")
	fs.StringVar(&o.secretFile, "client-secret-file", "", "file of the client's secret; needed")
	fs.StringVar(&o.passwordFile, "password-file", "", "file of everybody's password; needed")
	fs.Func("redirect", "URL that the client may have browsers sent back to; can be repeated", func(url string) error {
		o.redirects = append(o.redirects, url)
		return nil
	})
	fs.Func("person", "ADDRESS=GROUP,GROUP: somebody who can sign in; can be repeated", func(text string) error {
		p, err := parsePerson(text)
		o.people = append(o.people, p)
		return err
	})
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	for _, name := range []string{"issuer", "listen", "cert", "key", "client-id", "client-secret-file", "password-file"} {
		if fs.Lookup(name).Value.String() == "" {
			return o, fmt.Errorf("-%s is needed", name)
		}
	}
	return o, nil
}

// parsePerson reads ADDRESS=GROUP,GROUP. Who is in no group may leave out what begins with the equals sign.
func parsePerson(text string) (storage.Password, error) {
	address, groups, _ := strings.Cut(text, "=")
	name, _, ok := strings.Cut(address, "@")
	if !ok || name == "" {
		return storage.Password{}, fmt.Errorf("%q is not ADDRESS=GROUP,GROUP", text)
	}
	p := storage.Password{Email: address, Username: name, PreferredUsername: name, UserID: address}
	if groups != "" {
		p.Groups = strings.Split(groups, ",")
	}
	return p, nil
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	store, err := o.storage(log)
	if err != nil {
		return err
	}
	keys := signer.LocalConfig{KeysRotationPeriod: keyRotation}
	tokens, err := keys.Open(ctx, store, tokensValidFor, time.Now, log)
	if err != nil {
		return err
	}
	handler, err := server.NewServer(ctx, server.Config{
		Issuer: o.issuer, Storage: store, Signer: tokens, IDTokensValidFor: tokensValidFor, Logger: log,
		AllowedGrantTypes:  []string{oauth2.GrantTypeAuthorizationCode},
		SkipApprovalScreen: true,
		PKCE:               authflow.PKCEConfig{Enforce: true, CodeChallengeMethodsSupported: []string{oauth2.PKCEMethodS256}},
	})
	if err != nil {
		return err
	}
	return o.serve(ctx, handler)
}

// storage is the client and the people, and whatever Dex keeps beside them.
func (o options) storage(log *slog.Logger) (storage.Storage, error) {
	secret, err := os.ReadFile(o.secretFile)
	if err != nil {
		return nil, err
	}
	password, err := os.ReadFile(o.passwordFile)
	if err != nil {
		return nil, err
	}
	hash, err := bcrypt.GenerateFromPassword(password, bcrypt.DefaultCost)
	if err != nil {
		return nil, err
	}
	for i := range o.people {
		o.people[i].Hash = hash
	}
	client := storage.Client{ID: o.clientID, Name: o.clientID, Secret: string(secret), RedirectURIs: o.redirects}
	local := storage.Connector{ID: connectors.LocalConnector, Name: "Email", Type: connectors.LocalConnector}
	s := storage.WithStaticClients(memory.New(log), []storage.Client{client})
	s = storage.WithStaticPasswords(s, o.people, log)
	return storage.WithStaticConnectors(s, []storage.Connector{local}), nil
}

// serve serves HTTPS until ctx ends.
func (o options) serve(ctx context.Context, handler http.Handler) error {
	s := &http.Server{
		Addr: o.listen, Handler: handler, ReadHeaderTimeout: headerTimeout, TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
	ended := make(chan error, 1)
	go func() { ended <- s.ListenAndServeTLS(o.cert, o.key) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return s.Close()
	}
}
