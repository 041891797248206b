package certificate

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"html"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
)

var (
	// escaped is a character as a string of JSON, of a shell or of a programming language has it, or a line that goes on in the next one. It may be
	// escaped more than once.
	escaped = regexp.MustCompile(`(?s)\\+(u00[0-9a-fA-F]{2}|\r\n|.)`)
	// percent is a character of a PEM text as a URL has it.
	percent = regexp.MustCompile(`(?i)%(0[AD]|2[0BF]|3D)`)
)

// plainText returns a text as PEM has it, whatever it was copied from: in UTF-8, without characters that cannot be seen, with a line feed for the
// end of a line. None of what it undoes is possible within a PEM block, so that a text has no other meaning. A tab stands for white space that was
// never a plus sign; see decode.
func plainText(text []byte) string {
	plain := strings.ToValidUTF8(fromUTF16(text), string(unicode.ReplacementChar))
	if strings.Contains(plain, "&#") || strings.Contains(plain, "&quot;") {
		plain = html.UnescapeString(plain)
	}
	if percent.MatchString(plain) {
		if unescaped, err := url.PathUnescape(plain); err == nil {
			plain = strings.ToValidUTF8(unescaped, string(unicode.ReplacementChar))
		}
	}
	if strings.Contains(plain, `\`) {
		plain = escaped.ReplaceAllStringFunc(plain, unescape)
	}
	return strings.Map(plainCharacter, strings.ReplaceAll(plain, "\r\n", "\n"))
}

// fromUTF16 returns a text that some editors and shells of Windows have written, with or without a byte order mark; any other text as it is.
func fromUTF16(text []byte) string {
	var order binary.ByteOrder
	switch {
	case len(text) < 4:
		return string(text)
	case bytes.HasPrefix(text, []byte{0xFF, 0xFE}), text[0] != 0 && text[1] == 0 && text[2] != 0 && text[3] == 0:
		order = binary.LittleEndian
	case bytes.HasPrefix(text, []byte{0xFE, 0xFF}), text[0] == 0 && text[1] != 0 && text[2] == 0 && text[3] != 0:
		order = binary.BigEndian
	default:
		return string(text)
	}
	units := make([]uint16, 0, len(text)/2)
	for ; len(text) > 1; text = text[2:] {
		units = append(units, order.Uint16(text))
	}
	return string(utf16.Decode(units))
}

func unescape(sequence string) string {
	char := strings.TrimLeft(sequence, `\`)
	switch {
	case char == "n" || char == "r" || char == "\r\n":
		return "\n"
	case char == "t":
		return "\t"
	case len(char) > 1:
		code, err := strconv.ParseUint(char[1:], 16, 8)
		if err != nil {
			return ""
		}
		return string(rune(code))
	default:
		return char
	}
}

// lineEnds and blanks are what stands for a line feed, and for white space that was never a plus sign.
const (
	lineEnds = "\r\u0085\u2028\u2029"
	blanks   = "\x00\v\f\u00a0"
)

func plainCharacter(char rune) rune {
	switch {
	case char == ' ' || char == '\n' || char == '\t':
		return char
	case strings.ContainsRune(lineEnds, char):
		return '\n'
	case strings.ContainsRune(blanks, char) || unicode.Is(unicode.Zs, char):
		return '\t'
	case unicode.Is(unicode.Cf, char): // Such as a byte order mark, a zero-width space or a soft hyphen.
		return -1
	case unicode.Is(unicode.Pd, char) || char == '\u2212': // An editor has made dashes of hyphens.
		return '-'
	default:
		return char
	}
}

// fromBase64 returns the PEM text that a text is the base64 encoding of, as the manifest of a Secret has it; nil if it is anything else.
func fromBase64(text string) []byte {
	decoded, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(strings.Trim(text, " \n\t\"'")), ""))
	if err != nil || !marker.MatchString(plainText(decoded)) {
		return nil
	}
	return decoded
}
