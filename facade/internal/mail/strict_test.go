package mail

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// dialogue says how a strict server differs from one with STARTTLS and AUTH PLAIN.
type dialogue struct {
	// greeting and afterTLS are said in place of the usual, and replies to commands that begin with their keys.
	greeting string
	replies  map[string]string
	// held is waited for before a connection is greeted.
	held <-chan struct{}
	// oneByOne serves a connection when the one before has ended.
	oneByOne bool
	// auth are the lines that offer logins; accepts are the mechanisms that work with the right password.
	auth    []string
	accepts []string
	// authReply is the answer to a login that fails, after which the connection is closed if closes says so; silently says nothing before.
	authReply        string
	closes, silently bool
	// iterations are those that SCRAM asks for. Default: 4096.
	iterations int
	// extensions are offered besides.
	extensions []string
	// injects is said with the answer to STARTTLS, in the clear.
	injects string
}

// strict is a mail server that takes nothing that RFC 5321 doesn't allow, and fails the test whose client says such a thing.
type strict struct {
	t        *testing.T
	server   *server
	tls      *tls.Config
	options  serverOptions
	dialogue dialogue
}

// Commands in the syntax of RFC 5321, section 4.1.1: a path has angle brackets, a local part is a dot-string or quoted, a domain is ASCII.
var (
	mailPattern = regexp.MustCompile(`^MAIL FROM:<(` + pathPattern + `)>((?: [A-Z0-9]+(?:=[^ =]+)?)*)$`)
	rcptPattern = regexp.MustCompile(`^RCPT TO:<(` + pathPattern + `)>$`)
	helloFormat = regexp.MustCompile(`^EHLO [A-Za-z0-9.-]+$`)
)

const pathPattern = `(?:[A-Za-z0-9!#$%&'*+/=?^_{|}~\x60.\x{80}-\x{10ffff}-]+|"(?:[^"\\]|\\[^\r\n])*")@[A-Za-z0-9.-]+`

func startStrict(t *testing.T, s *server, listener net.Listener, config *tls.Config, options serverOptions) {
	t.Helper()
	if options.implicitTLS {
		listener = tls.NewListener(listener, config)
	}
	if options.dialogue.auth == nil && !options.noLogin {
		options.dialogue.auth, options.dialogue.accepts = []string{"AUTH PLAIN"}, []string{"PLAIN"}
	}
	serving := &strict{t: t, server: s, tls: config, options: options, dialogue: options.dialogue}
	var running sync.WaitGroup
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
		running.Wait()
	})
	go func() {
		defer close(done)
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			running.Add(1)
			one := func() {
				defer running.Done()
				defer func() { _ = connection.Close() }()
				serving.serve(connection)
			}
			if options.dialogue.oneByOne {
				one()
				continue
			}
			go one()
		}
	}()
}

// talk is one connection to a strict server.
type talk struct {
	*strict
	conn net.Conn
	in   *bufio.Reader
	// state is what has been said so far.
	hello, encrypted, utf8 bool
	message                received
}

func (s *strict) serve(connection net.Conn) {
	d := &talk{strict: s, conn: connection, in: bufio.NewReader(connection), encrypted: s.options.implicitTLS}
	d.message.encrypted = d.encrypted
	if s.dialogue.held != nil {
		<-s.dialogue.held
	}
	if greeting := s.dialogue.greeting; greeting != "" {
		d.say(greeting)
	} else {
		d.say("220-mail.example.com ESMTP\r\n220 at your service")
	}
	for {
		line, ok := d.line()
		if !ok || !d.answer(line) {
			return
		}
	}
}

// violated fails the test.
func (d *talk) violated(format string, arguments ...any) {
	d.t.Errorf("a strict server doesn't take this: %s", fmt.Sprintf(format, arguments...))
	d.say("500 5.5.1 That is not in RFC 5321")
}

func (d *talk) say(text string) { _, _ = io.WriteString(d.conn, text+"\r\n") }

// line reads a command. A connection that ends in the middle of one isn't one that was talked on.
func (d *talk) line() (string, bool) {
	line, err := d.in.ReadString('\n')
	if err != nil {
		return "", false
	}
	if line[0] == 22 { // The first bytes of TLS, from a client that tries.
		d.say("500 5.5.1 What?")
		return "", false
	}
	text, found := strings.CutSuffix(line, "\r\n")
	if !found || strings.ContainsAny(text, "\r\x00") || len(line) > 12288 {
		d.violated("the line %q", line)
	}
	return text, true
}

// answer answers a command, and reports whether the connection goes on.
func (d *talk) answer(line string) bool {
	for prefix, reply := range d.dialogue.replies {
		if strings.HasPrefix(line, prefix) {
			d.say(reply)
			return !strings.HasPrefix(reply, "421")
		}
	}
	verb, _, _ := strings.Cut(line, " ")
	if !d.hello && !slices.Contains([]string{"EHLO", "QUIT"}, verb) {
		d.violated("%q before EHLO", verb)
		return true
	}
	switch verb {
	case "EHLO":
		d.greet(line)
	case "STARTTLS":
		return d.startTLS()
	case "AUTH":
		return d.authenticate(line)
	case "MAIL":
		d.mail(line)
	case "RCPT":
		d.rcpt(line)
	case "DATA":
		d.data()
	case "QUIT":
		d.say("221 2.0.0 Bye")
		return false
	default:
		d.violated("the command %q", verb)
	}
	return true
}

// offers are the extensions that are offered now.
func (d *talk) offers() []string {
	offers := slices.Clone(d.dialogue.extensions)
	if !d.encrypted && !d.options.noTLS {
		offers = append(offers, "STARTTLS")
	}
	if d.encrypted || d.options.noTLS {
		offers = append(offers, d.dialogue.auth...)
	}
	return offers
}

func (d *talk) greet(line string) {
	if !helloFormat.MatchString(line) {
		d.violated("%q", line)
		return
	}
	d.hello = true
	lines := append([]string{"mail.example.com"}, d.offers()...)
	for i, text := range lines {
		separator := "-"
		if i == len(lines)-1 {
			separator = " "
		}
		d.say("250" + separator + text)
	}
}

func (d *talk) startTLS() bool {
	if !slices.Contains(d.offers(), "STARTTLS") {
		d.violated("STARTTLS, which isn't offered")
		return true
	}
	_, _ = io.WriteString(d.conn, "220 2.0.0 Ready\r\n"+d.dialogue.injects)
	encrypted := tls.Server(d.conn, d.tls)
	if encrypted.HandshakeContext(d.t.Context()) != nil {
		return false
	}
	d.conn, d.in, d.hello, d.encrypted = encrypted, bufio.NewReader(encrypted), false, true
	d.message.encrypted = true
	return true
}

func (d *talk) mail(line string) {
	parts := mailPattern.FindStringSubmatch(line)
	if parts == nil {
		d.violated("%q", line)
		return
	}
	for parameter := range strings.FieldsSeq(parts[2]) {
		keyword, _, _ := strings.Cut(parameter, "=")
		offer := map[string]string{"BODY": "8BITMIME"}[keyword]
		if offer == "" {
			offer = keyword
		}
		if !slices.ContainsFunc(d.offers(), func(o string) bool { return strings.Fields(o)[0] == offer }) {
			d.violated("%q, which isn't offered", parameter)
			return
		}
		d.utf8 = d.utf8 || keyword == "SMTPUTF8"
	}
	if len(d.dialogue.auth) > 0 && d.message.user == "" {
		d.say("502 5.7.0 Please authenticate first")
		return
	}
	d.message.from, d.message.parameters = parts[1], strings.TrimSpace(parts[2])
	d.say("250-2.1.0 Sender\r\n250 2.1.0 OK")
}

func (d *talk) rcpt(line string) {
	parts := rcptPattern.FindStringSubmatch(line)
	switch {
	case parts == nil || d.message.from == "":
		d.violated("%q", line)
	case parts[1] == "nobody@example.com":
		d.say("550-Nobody lives here\r\n550 5.1.1 any more")
	default:
		d.message.to = parts[1]
		d.say("250")
	}
}

func (d *talk) data() {
	if d.message.to == "" {
		d.violated("DATA without a recipient")
		return
	}
	d.say("354 End with a dot")
	for {
		line, err := d.in.ReadString('\n')
		if err != nil {
			return
		}
		if line == ".\r\n" {
			break
		}
		text, found := strings.CutSuffix(line, "\r\n")
		ascii := !strings.ContainsFunc(text, func(r rune) bool { return r > 126 })
		if !found || strings.Contains(text, "\r") || len(line) > 1000 || !ascii && !d.utf8 {
			d.violated("the line %q in a message", line)
		}
		d.message.text += strings.TrimPrefix(text, ".") + "\r\n"
	}
	d.server.mu.Lock()
	d.server.inbox = append(d.server.inbox, d.message)
	d.server.mu.Unlock()
	d.say("250 2.0.0 Queued")
}
