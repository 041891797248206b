package fuzz

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"unicode"
)

// hostileTexts are what programs trip over.
var hostileTexts = []string{
	"", " ", "\t\r\n", "\xff\xfe", "a\xc3", "\xed\xa0\x80", "\x00", "a\x00b", "\u202egnp.exe", "\ufeffa", "\u200b", "é", "e\u0301", "ſ", "K", "ǅ", "日本語",
	"👩‍👩‍👧‍👦",
	"\U0010ffff", "\ufffd",
	"null", "true", "NaN", "0", "-1", "1e999", "9223372036854775808", "0x10", "١٢٣",
	".", "..", "../../etc/passwd", "/", "//", "a/b", "a%2fb", "a%00b", "%", "%zz", "a;b", "a&b=c", "a?b", "a#b", "\\", "a,b", "*", "-", "_", "--", "-a", "a-",
	"{{7*7}}", "${jndi:ldap://x}", "$(VAR)", "%s%n%x", "' OR 1=1 --", "<script>alert(1)</script>", "&amp;", "\"", "'", "`", "a\nb: c", "a\r\nSet-Cookie: b=c",
	"127.0.0.1", "0x7f.1", "[::1]", "::ffff:127.0.0.1", "169.254.169.254", "localhost", "kubernetes.default.svc", "xn--bcher-kva.example", "bücher.example",
	"a.b.", ".a.b", "A.B", "a..b", "*.example.com", "a_b.example.com", "https://", "HTTPS://example.com/A",
	"http://example.com/a", "example.com/a@sha256:0", "a:b:c",
	"arn:aws:iam::123456789012:role/", "arn:aws:iam:::role/x", "arn:aws:sts::123456789012:assumed-role/x/y", "a@b", "a@@b", "\"a b\"@c", "Ann <a@b.c>", "a@b, c@d",
	"-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "metadata.name", "__proto__", "self",
}

// hostileValues are those of JSON that are no texts.
var hostileValues = []any{
	nil, true, false, 0, -1, 1.5, json.Number("1e400"), json.Number("-0"), json.Number("123456789012345678901234567890"),
	[]any{},
	[]any{nil},
	map[string]any{},
	[]any{[]any{[]any{}}},
	map[string]any{"name": "A"},
	map[string]any{"value": "A"},
	[]any{map[string]any{"name": nil, "value": map[string]any{}}},
}

// hostileText returns one of the texts that programs trip over, sometimes very long.
func hostileText(random *rand.Rand) string {
	text := hostileTexts[random.IntN(len(hostileTexts))]
	switch random.IntN(12) {
	case 0:
		return strings.Repeat(text+"a", 1+random.IntN(3000))
	case 1:
		return "a" + text + "a"
	default:
		return text
	}
}

func hostileValue(random *rand.Rand) any {
	switch random.IntN(20) {
	case 0:
		return nested(10 + random.IntN(60))
	case 1, 2, 3, 4, 5, 6, 7, 8:
		return hostileValues[random.IntN(len(hostileValues))]
	default:
		return hostileText(random)
	}
}

// nested is a list in a list, and so on, so deep.
func nested(depth int) any {
	var value any = "a"
	for range depth {
		value = []any{value}
	}
	return value
}

// nearly changes a valid value a little, so that it may not be valid any more.
func nearly(random *rand.Rand, value any) any {
	switch v := value.(type) {
	case string:
		return nearlyText(random, v)
	case int64:
		return []any{v + 1, v - 1, -v, float64(v) + 0.5, json.Number(strings.Repeat("9", 30))}[random.IntN(5)]
	case []any:
		if len(v) > 0 {
			changed := append([]any{}, v...)
			changed[random.IntN(len(v))] = nearly(random, v[random.IntN(len(v))])
			return changed
		}
		return []any{nil}
	case map[string]any:
		return nearlyObject(random, v)
	default:
		return hostileValue(random)
	}
}

func nearlyText(random *rand.Rand, text string) string {
	at := random.IntN(len(text) + 1)
	switch random.IntN(8) {
	case 0:
		return text[:at]
	case 1:
		return text[at:]
	case 2:
		return " " + text + "\n"
	case 3:
		return strings.Map(func(r rune) rune {
			if random.IntN(4) == 0 {
				return unicode.ToUpper(r)
			}
			return r
		}, text)
	case 4:
		return text + strings.Repeat(text[at:], 1+random.IntN(50))
	default:
		return text[:at] + hostileText(random) + text[at:]
	}
}

// nearlyObject changes, adds or takes away a member.
func nearlyObject(random *rand.Rand, object map[string]any) map[string]any {
	changed := make(map[string]any, len(object)+1)
	chosen := random.IntN(len(object) + 1)
	for i, name := range sortedKeys(object) {
		if i != chosen {
			changed[name] = object[name]
			continue
		}
		switch random.IntN(16) {
		case 0, 1, 2, 3: // Left out.
		case 4, 5, 6:
			changed[name] = hostileValue(random)
		default:
			changed[name] = nearly(random, object[name])
		}
	}
	if chosen == len(object) {
		changed[hostileText(random)] = hostileValue(random)
	}
	return changed
}
