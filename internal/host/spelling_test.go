package host_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/host"
)

func TestParse(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ text, want string }{
		"ASCII":            {"www.example.com", "www.example.com"},
		"UpperCase":        {"WWW.Example.COM", "www.example.com"},
		"TrailingDot":      {"www.example.com.", "www.example.com"},
		"Spaces":           {" \twww.example.com\r\n", "www.example.com"},
		"NoBreakSpace":     {"\u00a0www.example.com\u3000", "www.example.com"},
		"ByteOrderMark":    {"\ufeffhttps://www.example.com", "www.example.com"},
		"DirectionMarks":   {"\u200ewww.example.com\u200f", "www.example.com"},
		"ZeroWidthSpace":   {"www.example.com\u200b", "www.example.com"},
		"HTTPS":            {"https://www.example.com/", "www.example.com"},
		"HTTP":             {"HTTP://WWW.example.com", "www.example.com"},
		"AddressInUnicode": {"https://münchen.example/", "xn--mnchen-3ya.example"},
		"AddressWithDot":   {"https://www.example.com./", "www.example.com"},
		"OneSlash":         {"https:/www.example.com", "www.example.com"},
		"NoScheme":         {"//www.example.com/", "www.example.com"},
		"TrailingSlash":    {"www.example.com/", "www.example.com"},
		"Umlaut":           {"münchen.example", "xn--mnchen-3ya.example"},
		"UmlautUpperCase":  {"MÜNCHEN.example", "xn--mnchen-3ya.example"},
		"UmlautDecomposed": {"mu\u0308nchen.example", "xn--mnchen-3ya.example"},
		"Punycode":         {"XN--MNCHEN-3YA.example", "xn--mnchen-3ya.example"},
		"Mixed":            {"xn--mnchen-3ya.例え", "xn--mnchen-3ya.xn--r8jz45g"},
		"Japanese":         {"例え.テスト", "xn--r8jz45g.xn--zckzah"},
		"IdeographicDots":  {"例え。テスト。", "xn--r8jz45g.xn--zckzah"},
		"SharpS":           {"straße.example", "xn--strae-oqa.example"},
		"FullWidth":        {"ＷＷＷ．example．com", "www.example.com"},
		"Circled":          {"ⓦww.example.com", "www.example.com"},
		"Kelvin":           {"\u212a.example.com", "k.example.com"},
		"SoftHyphen":       {"exam\u00adple.com", "example.com"},
		"JoinerInContext":  {"क्\u200dष.example", "xn--11b2ezcw70k.example"},
		"RightToLeft":      {"www.עברית.example", "www.xn--5dbqzzl.example"},
		"Emoji":            {"😀.example", "xn--e28h.example"},
		"MixedScripts":     {"pаypal.example", "xn--pypal-4ve.example"},
		"HyphensInASCII":   {"r3---sn.example.com", "r3---sn.example.com"},
		"InvalidPunycode":  {"xn--a.example", "xn--a.example"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := host.Parse(tc.text)
			if err != nil || got != tc.want {
				t.Errorf("Parse(%q) = %q, %v, want %q", tc.text, got, err, tc.want)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	const invalid = "Enter a valid hostname"
	cases := map[string]struct{ text, says string }{
		"Empty":              {"", invalid},
		"Root":               {".", invalid},
		"FarTooLong":         {strings.Repeat("日本", 1<<20), invalid},
		"OneLabel":           {"localhost", invalid},
		"OneLabelCircled":    {"ⓛocalhost", invalid},
		"Wildcard":           {"*.example.com", invalid},
		"IPv4":               {"192.0.2.1", invalid},
		"IPv4FullWidth":      {"１92.0.2.1", invalid},
		"IPv6":               {"2001:db8::1", invalid},
		"IPv6Brackets":       {"https://[2001:db8::1]/", invalid},
		"NumberFullWidth":    {"example.１", invalid},
		"Space":              {"www example.com", invalid},
		"LineBreak":          {"www.example.com\nwww.example.org", invalid},
		"TwoDots":            {"www..example.com", invalid},
		"TwoDotsAtTheEnd":    {"www.example.com..", invalid},
		"IdeographicTwoDots": {"münchen。。example", invalid},
		"EncodedTwice":       {"m%C3%BCnchen.example", invalid},
		"LabelTooLong":       {strings.Repeat("ü", 64) + ".example", invalid},
		"TooLong":            {strings.Repeat("ü.", 60) + "example", invalid},
		"Port":               {"https://www.example.com:8443/", "without :8443"},
		"PortOfHTTPS":        {"www.example.com:443", "without :443"},
		"Path":               {"https://www.example.com/shop", "no path"},
		"Query":              {"www.example.com?token=hush", "no path"},
		"Fragment":           {"https://www.example.com/#top", "no path"},
		"User":               {"https://ann:hush@www.example.com/", "no user name"},
		"EmailAddress":       {"ann@example.com", "no user name"},
		"OtherScheme":        {"ftp://www.example.com", "without ftp://"},
		"JoinerOutOfContext": {"a\u200db.example", "punycode"},
		"Reversed":           {"www\u202e.example.com", "U+202E"},
		"MixedDirections":    {"עבa.example", "punycode"},
		"LeadingMark":        {"\u0301a.example", "punycode"},
		"LeadingHyphen":      {"-ü.example", "punycode"},
		"TrailingHyphen":     {"ü-.example", "punycode"},
		"UnicodeAfterXN":     {"xn--ü.example", "punycode"},
		"InvalidPunycode":    {"ü.xn--a.example", "punycode"},
		"InvalidUTF8":        {"\xff.example", "invalid characters"},
		"Slash":              {"www.example.com／shop", "punycode"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := host.Parse(tc.text)
			if _, is := errors.AsType[host.SpellingError](err); !is || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("Parse(%q) = %q, %v, want a SpellingError that says %q", tc.text, got, err, tc.says)
			} else if strings.Contains(err.Error(), "hush") {
				t.Errorf("Parse(%q) quotes a secret: %v", tc.text, err)
			}
		})
	}
}

func TestCheckPunycode(t *testing.T) {
	t.Parallel()
	for name, valid := range map[string]bool{
		"www.example.com": true, "xn--mnchen-3ya.example": true, "www.xn--mnchen-3ya.xn--zckzah": true, "a.xn--p1ai": true, "r3---sn.example.com": true,
		"axn--a.example": true, "xn--e28h.example": true,
		"xn--a.example": false, "www.xn--a.example": false, "example.xn--a": false,
		"xn--abc.example":         false, // A code point that is not assigned.
		"xn--mnchen-psa.example":  false, // The punycode of an upper case letter.
		"xn--munchen-gie.example": false, // That of a letter and its mark.
		"xn--ww-603n.example":     false, // That of a full-width letter.
		"xn----eha.example":       false, // That of a leading hyphen.
		"xn--xn---epa.example":    false, // Punycode in punycode.
		"xn--example-aaa.example": false,
		"xn--ls8h-.example":       false,
		"1.xn--5dbqzzl.example":   false, // Both directions.
	} {
		if err := host.CheckPunycode(name); (err == nil) != valid {
			t.Errorf("CheckPunycode(%q) = %v, want that it is valid: %t", name, err, valid)
		}
	}
}

func TestUnicode(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"www.example.com": "", "xn--mnchen-3ya.example": "münchen.example", "www.xn--r8jz45g.xn--zckzah": "www.例え.テスト", "xn--a.example": "",
		"xn--pypal-4ve.example": "pаypal.example",
	} {
		if got := host.Unicode(name); got != want {
			t.Errorf("Unicode(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Shop": "shop", "WWW.Example.com.": "www.example.com", "MÜNCHEN.example": "xn--mnchen-3ya.example", "xn--a.example": "xn--a.example",
		"-Ü.example": "-Ü.example", "": "",
	} {
		if got := host.Canonical(name); got != want {
			t.Errorf("Canonical(%q) = %q, want %q", name, got, want)
		}
	}
}

// FuzzParse says that whatever is accepted is a valid host in the one spelling that it has, and that what is shown of it is the same host again.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"münchen.example", "https://例え。テスト/", "xn--a.example", "ａpps.localhost", "1.עברית.example", "ẞ.example:443", "xn--.ü"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name, err := host.Parse(text)
		if err != nil {
			return
		}
		if !host.IsValid(name) || host.Normalize(name) != name {
			t.Errorf("Parse(%q) = %q, which is not a valid host", text, name)
		}
		if again, err := host.Parse(name); err != nil || again != name {
			t.Errorf("Parse(%q) = %q, which is read again as %q, %v", text, name, again, err)
		}
		if err := host.CheckPunycode(name); err != nil && !strings.Contains(strings.ToLower(text), "xn--") {
			t.Errorf("Parse(%q) = %q: %v", text, name, err)
		}
		if shown := host.Unicode(name); shown != "" {
			if again, err := host.Parse(shown); err != nil || again != name {
				t.Errorf("Parse(%q) = %q is shown as %q, which is read as %q, %v", text, name, shown, again, err)
			}
		}
	})
}
