package certificate

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"html"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
)

// forms are what becomes of a PEM text on its way from a file to Berth, where it still has one meaning.
var forms = map[string]func(text string) string{
	"AsItIs":            func(s string) string { return s },
	"NoLineEnds":        func(s string) string { return strings.ReplaceAll(s, "\n", "") },
	"SpacesForLineEnds": func(s string) string { return strings.ReplaceAll(s, "\n", " ") },
	"TabsForLineEnds":   func(s string) string { return strings.ReplaceAll(s, "\n", "\t") },
	"CRLF":              func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
	"CR":                func(s string) string { return strings.ReplaceAll(s, "\n", "\r") },
	"CRCRLF":            func(s string) string { return strings.ReplaceAll(s, "\n", "\r\r\n") },
	"EmptyLines":        func(s string) string { return strings.ReplaceAll(s, "\n", "\n\n") },
	"TrailingBlanks":    func(s string) string { return strings.ReplaceAll(s, "\n", "  \n") },
	"LineSeparators":    func(s string) string { return strings.ReplaceAll(s, "\n", "\u2028") },
	"Joined":            func(s string) string { return strings.ReplaceAll(s, "-----\n-----", "----------") },
	"JoinedBySpace":     func(s string) string { return strings.ReplaceAll(s, "-----\n-----", "----- -----") },
	"JoinedByCR":        func(s string) string { return strings.ReplaceAll(s, "-----\n-----", "-----\r-----") },
	"BOM":               func(s string) string { return "\ufeff" + s },
	"BOMBeforeEach":     func(s string) string { return strings.ReplaceAll(s, "-----BEGIN", "\ufeff-----BEGIN") },
	"ZeroWidthSpace":    func(s string) string { return "\u200b" + strings.ReplaceAll(s, "\n", "\u200b\n") },
	"NBSP":              func(s string) string { return "\u00a0" + strings.ReplaceAll(s, "\n", "\u00a0\n") },
	"NBSPInLabel":       func(s string) string { return strings.ReplaceAll(s, "-----BEGIN ", "-----BEGIN\u00a0") },
	"UTF16":             func(s string) string { return utf16Of(s, true) },
	"UTF16WithoutBOM":   func(s string) string { return utf16Of(s, false) },
	"Form":              func(s string) string { return strings.ReplaceAll(s, "+", " ") },
	"FormCRLF":          func(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, "+", " "), "\n", "\r\n") },
	"FormIndented":      func(s string) string { return indented(strings.ReplaceAll(s, "+", " "), "  ") },
	"FormOnOneLine":     func(s string) string { return strings.NewReplacer("+", " ", "\n", " ").Replace(s) },
	"FormNoLineEnds":    func(s string) string { return strings.NewReplacer("+", " ", "\n", "").Replace(s) },
	"Percent":           url.PathEscape,
	"PercentAndPlus":    url.QueryEscape,
	"HTML":              func(s string) string { return strings.ReplaceAll(html.EscapeString(s), "+", "&#43;") },
	"LiteralN":          func(s string) string { return strings.ReplaceAll(s, "\n", `\n`) },
	"LiteralRN":         func(s string) string { return strings.ReplaceAll(s, "\n", `\r\n`) },
	"LiteralTwice":      func(s string) string { return strings.ReplaceAll(s, "\n", `\\n`) },
	"LiteralAndLineEnd": func(s string) string { return strings.ReplaceAll(s, "\n", "\\n\n") },
	"Continued":         func(s string) string { return strings.ReplaceAll(s, "\n", "\\\n") },
	"Quoted":            func(s string) string { return `"` + s + `"` },
	"SingleQuoted":      func(s string) string { return `'` + strings.TrimSpace(s) + `'` },
	"JSON":              jsonOf,
	"EscapedSlashes":    func(s string) string { return strings.ReplaceAll(jsonOf(s), "/", `\/`) },
	"EscapedPlus":       func(s string) string { return strings.ReplaceAll(jsonOf(s), "+", `\u002B`) },
	"ArrayOfLines":      func(s string) string { return "\"" + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\",\n\"") + "\"" },
	"CString": func(s string) string {
		return "\"" + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\\n\"\n\t\"") + "\""
	},
	"InJSON":           func(s string) string { return `{"certificate": ` + jsonOf(s) + `}` },
	"InYAML":           func(s string) string { return "tls.crt: |\n" + indented(s, "  ") + "other: 1\n" },
	"Indented":         func(s string) string { return indented(s, "  ") },
	"IndentedByTab":    func(s string) string { return indented(s, "\t") },
	"IndentedButFirst": func(s string) string { return strings.TrimPrefix(indented(s, "    "), "    ") },
	"MailQuote":        func(s string) string { return indented(s, "> ") },
	"Comment":          func(s string) string { return indented(s, "# ") },
	"TextOnLine":       func(s string) string { return strings.ReplaceAll(s, "-----BEGIN", "cert: -----BEGIN") },
	"TextAfterEnd":     func(s string) string { return strings.ReplaceAll(s, "-----\n", "----- # next\n") },
	"TextAround": func(s string) string {
		return "Bag Attributes\n    friendlyName: www\nsubject=CN = Müller\n" + strings.ReplaceAll(s, "-----BEGIN", "issuer: a - b\n-----BEGIN") + "\nthat was it\n"
	},
	"Latin1Around":    func(s string) string { return "subject=M\xfcller\n" + s },
	"FourHyphens":     func(s string) string { return strings.ReplaceAll(s, "-----", "----") },
	"FirstHyphenLost": func(s string) string { return s[1:] },
	"LastHyphenLost":  func(s string) string { return strings.TrimSuffix(s, "-\n") },
	"Dashes":          func(s string) string { return strings.ReplaceAll(s, "-----", "—–") },
	"LowerCaseLabel": func(s string) string {
		return strings.ReplaceAll(s, "-----BEGIN CERTIFICATE-----", "-----Begin Certificate-----")
	},
	"OneLongLine":      func(s string) string { return rewrapped(s, 1<<16) },
	"LinesOf76":        func(s string) string { return rewrapped(s, 76) },
	"FormLinesOf76":    func(s string) string { return strings.NewReplacer("+", " ", "\n", " ").Replace(rewrapped(s, 76)) },
	"NoPadding":        func(s string) string { return strings.ReplaceAll(s, "=", "") },
	"Base64":           func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"Base64Wrapped":    func(s string) string { return wrap(base64.StdEncoding.EncodeToString([]byte(s)), 76) },
	"WindowsEndOfFile": func(s string) string { return s + "\x1a" },
	"NULAtEnd":         func(s string) string { return s + "\x00" },
	"FriendlyHeader": func(s string) string {
		return strings.NewReplacer("-----BEGIN CERTIFICATE-----\n", "-----BEGIN CERTIFICATE-----\nComment: mine\n\n").Replace(s)
	},
}

func utf16Of(text string, mark bool) string {
	var out bytes.Buffer
	if mark {
		out.WriteString("\xff\xfe")
	}
	for _, unit := range utf16.Encode([]rune(text)) {
		out.Write([]byte{byte(unit), byte(unit >> 8)})
	}
	return out.String()
}

func indented(text, by string) string {
	return by + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+by) + "\n"
}

func jsonOf(text string) string {
	encoded, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(encoded)
}

func wrap(text string, width int) string {
	var out strings.Builder
	for ; len(text) > width; text = text[width:] {
		out.WriteString(text[:width] + "\n")
	}
	return out.String() + text + "\n"
}

// rewrapped returns PEM with lines of another width.
func rewrapped(text string, width int) string {
	var out strings.Builder
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		content := wrap(base64.StdEncoding.EncodeToString(block.Bytes), width)
		out.WriteString("-----BEGIN " + block.Type + "-----\n" + content + "-----END " + block.Type + "-----\n")
	}
	return out.String()
}

// withPlusSigns returns a chain and a key that have plus signs and slashes in their texts, some of them at the ends of lines, and padding.
func withPlusSigns(t *testing.T) (chain Chain, leaf, root *issued) {
	t.Helper()
	for range 2000 {
		root := authority(t, nil, "root")
		leaf := issue(t, root, nil)
		text := string(chainOf(leaf).PEM())
		if strings.Contains(text, "+\n") && strings.Contains(text, "\n+") && strings.Contains(text, "=\n") && strings.Contains(string(encode(t, leaf.key)), "+") {
			return chainOf(leaf, root), leaf, root
		}
	}
	t.Fatal("no certificate has plus signs where they are wanted")
	return nil, nil, nil
}

// Whatever form a text has, the certificates and the key in it are the same, and a server that has what was read can be talked to.
func TestParseForms(t *testing.T) {
	chain, leaf, root := withPlusSigns(t)
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			text, keyText := form(string(chain.PEM())), form(string(encode(t, leaf.key)))
			got, err := ParseChain([]byte(text))
			if err != nil || !got.Equal(chain) {
				t.Fatalf("ParseChain: got %q, %v\n%s", subjects(got), err, text)
			}
			key, err := ParseKey([]byte(keyText))
			if err != nil || !EqualKeys(leaf.key.Public(), key.Public()) {
				t.Fatalf("ParseKey: %v\n%s", err, keyText)
			}
			pair, err := ParsePair([]byte(form(string(chain.PEM())+string(encode(t, leaf.key)))), nil)
			if err != nil || !pair.Certificates.Equal(chain) || !EqualKeys(leaf.key.Public(), pair.Public) {
				t.Fatalf("ParsePair: got %q, %v", subjects(pair.Certificates), err)
			}
			kept, err := Kept(Keep([]byte(text)))
			if err != nil || !kept.Certificates.Equal(chain) {
				t.Errorf("Keep: got %q, %v", subjects(kept.Certificates), err)
			}
			sent, err := got.Arrange(host, key.Public(), now)
			if err != nil {
				t.Fatal(err)
			}
			handshake(t, sent.PEM(), encode(t, key), root.Certificate)
		})
	}
}

// handshake fails the test unless a client that trusts a root talks to a server that has a chain and a key.
func handshake(t *testing.T, chain, key []byte, root *x509.Certificate) {
	t.Helper()
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	near, far := net.Pipe()
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	served := make(chan error, 1)
	go func() {
		server := tls.Server(far, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
		_, err := server.Write([]byte("hello"))
		served <- err
	}()
	client := tls.Client(near, &tls.Config{RootCAs: roots, ServerName: host, Time: clock, MinVersion: tls.VersionTLS12})
	heard, err := io.ReadAll(io.LimitReader(client, 5))
	if serverErr := <-served; err != nil || string(heard) != "hello" {
		t.Errorf("the client heard %s: %v; the server: %v", strconv.Quote(string(heard)), err, serverErr)
	}
}

// Read with a plus sign for each space, this certificate is followed by what happens to look like another structure.
func TestOneStructureGoesFirst(t *testing.T) {
	const text = "-----BEGIN CERTIFICATE----- " +
		"MIIBTzCB9aADAgECAgEBMAoGCCqGSM49BAMCMA8xDTALBgNVBAMTBHJvb3QwHhcNMjYwNjAxMTEw " +
		"MDAwWhcNMjYwNjAxMTMwMDAwWjAPMQ0wCwYDVQQDEwRyb290MFkwEwYHKoZIzj0CAQYIKoZIzj0D " +
		"AQcDQgAEAF91ILVCQQks80FNmWiTwPjvsSC/dTI spz1CzSuWtlokSP547G8mHE7dnVW5bAVjrLO " +
		"wxKp3uOkXXjkObJMKKNCMEAwDgYDVR0PAQH/BAQDAgIEMA8GA1UdEwEB/wQFMAMBAf8wHQYDVR0O " +
		"BBYEFLOSng16/mIqk/lkB1DCXw/X4wKDMAoGCCqGSM49BAMCA0kAMEYCIQDyNRzZbvYaXpriUptt " +
		"8QFCIOdTiVMkQ1K7IJX1f09IHAIhAKOnpYptp2yNukIYYOTejrqI120uwm38HnIsu98PAREP " +
		"-----END CERTIFICATE-----"
	got, err := ParseChain([]byte(text))
	if err != nil || len(got) != 1 {
		t.Errorf("ParseChain: got %q, %v, want one certificate", subjects(got), err)
	}
}
