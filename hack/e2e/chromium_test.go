package e2e

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/chromedp"
)

// browserTimeout is how long a browser may take for one thing on a busy machine.
const browserTimeout = 30 * time.Second

// chromium is a Chromium with a profile of its own, which ends with its test. It takes the certificates of the facade and of the identity provider
// for valid, and no other.
type chromium struct {
	ctx context.Context //nolint:containedctx // It is the browser: chromedp finds it there.

	mu sync.Mutex
	// complaints are what the browser said on its console by itself, such as that a page breaks its Content-Security-Policy.
	complaints []string
}

func newChromium(t *testing.T) *chromium {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("there is no Chromium; on Debian: apt-get install --no-install-recommends chromium")
	}
	identity := berth.Identity()
	pins := []string{pin(t, identity.PublicURL, berth.Env.CA), pin(t, identity.Issuer, identity.CA)}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(profileDir(t)), chromedp.NoSandbox, chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("no-proxy-server", true),
		chromedp.Flag("ignore-certificate-errors-spki-list", strings.Join(pins, ",")))
	allocator, end := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(end)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	b := &chromium{ctx: ctx}
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	b.command(t, func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, cdplog.Enable, cdp.Empty{})
		return err
	})
	return b
}

// profileDir is a folder for Chromium, whose last process may outlive the first, and writes into it as long.
func profileDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() { // Before what removes it once.
		eventually(t, time.Minute, "Chromium's folder is removed", func() (bool, string) {
			err := os.RemoveAll(dir)
			return err == nil, fmt.Sprint(err)
		})
	})
	return dir
}

// pin verifies the certificate of an address with an authority, and returns the hash of its key, as Chromium takes it.
func pin(t *testing.T, address, ca string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	authority, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		t.Fatalf("%s holds no certificate", ca)
	}
	var hash [sha256.Size]byte
	verified := func(state tls.ConnectionState) error {
		hash = sha256.Sum256(state.PeerCertificates[0].RawSubjectPublicKeyInfo)
		return nil
	}
	dialer := &tls.Dialer{Config: &tls.Config{RootCAs: roots, ServerName: u.Hostname(), VerifyConnection: verified}}
	conn, err := dialer.DialContext(t.Context(), "tcp", "127.0.0.1:"+u.Port())
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(hash[:])
}

func (b *chromium) listen(event any) {
	// Refusals are told as failed loads, and the identity provider's pages are none of ours.
	entry, ok := event.(*cdplog.EventEntryAdded)
	if ok && entry.Entry.Source != cdplog.EntrySourceNetwork && !strings.HasPrefix(entry.Entry.URL, berth.Identity().Issuer) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.complaints = append(b.complaints, entry.Entry.Text)
	}
}

// mustNotComplain fails the test if the browser had to complain of a page.
func (b *chromium) mustNotComplain(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, complaint := range b.complaints {
		t.Errorf("the browser complains: %s", complaint)
	}
}

// do does things to the page, one after the other.
func (b *chromium) do(t *testing.T, what string, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, browserTimeout)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatalf("%s: %v; the page is %q", what, err, b.text(t))
	}
}

func (b *chromium) command(t *testing.T, command func(ctx context.Context, target *chromedp.Target) error) {
	t.Helper()
	b.do(t, "a command", chromedp.Func(command))
}

// evaluate is the value of an expression in the page; zero while the page is another one.
func evaluate[T any](t *testing.T, b *chromium, expression string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, browserTimeout)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Logf("%s: %v", expression, err)
	}
	return value
}

// text is what the page says.
func (b *chromium) text(t *testing.T) string {
	t.Helper()
	return evaluate[string](t, b, `document.body ? document.body.innerText : ""`)
}

// waitFor waits until the page has what a selector finds.
func (b *chromium) waitFor(t *testing.T, selector string) {
	t.Helper()
	eventually(t, browserTimeout, "the page has "+selector, func() (bool, string) {
		found := evaluate[bool](t, b, "document.readyState === 'complete' && document.querySelector("+quoted(selector)+") !== null")
		return found, b.text(t)
	})
}

// waitToSay waits until the page says something.
func (b *chromium) waitToSay(t *testing.T, words string) {
	t.Helper()
	eventually(t, browserTimeout, "the page says "+words, func() (bool, string) {
		text := b.text(t)
		return strings.Contains(text, words), text
	})
}

// tabTo presses Tab until what a selector finds has the focus, as somebody without a mouse does.
func (b *chromium) tabTo(t *testing.T, selector string) {
	t.Helper()
	b.waitFor(t, selector)
	for range 60 {
		b.do(t, "press Tab", chromedp.KeyEvent("\t"))
		if evaluate[bool](t, b, "document.activeElement.matches("+quoted(selector)+")") {
			return
		}
	}
	t.Fatalf("Tab never comes to %s; the page is %q", selector, b.text(t))
}

// typed presses keys.
func (b *chromium) typed(t *testing.T, keys string) {
	t.Helper()
	b.do(t, "type", chromedp.KeyEvent(keys))
}

// click clicks what a selector finds.
func (b *chromium) click(t *testing.T, selector string) {
	t.Helper()
	b.waitFor(t, selector)
	b.do(t, "click on "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// visit goes to a page.
func (b *chromium) visit(t *testing.T, address string) {
	t.Helper()
	b.do(t, "visit "+address, chromedp.Navigate(address))
}

// colours has the browser prefer light or dark.
func (b *chromium) colours(t *testing.T, scheme string) {
	t.Helper()
	b.command(t, func(ctx context.Context, target *chromedp.Target) error {
		features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
		return err
	})
}

// mustFit fails the test if the page is wider than the window, so that one would have to scroll sideways.
func (b *chromium) mustFit(t *testing.T, what string) {
	t.Helper()
	got := evaluate[[]int](t, b, "[document.scrollingElement.scrollWidth, window.innerWidth]")
	if len(got) != 2 || got[0] > got[1] {
		t.Errorf("%s is %d pixels wide in a window of %d", what, got[0], got[1])
	}
}

// quoted is a text as JavaScript writes it.
func quoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}
