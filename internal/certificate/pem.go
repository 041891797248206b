package certificate

import (
	"bytes"
	"encoding/asn1"
	"encoding/base64"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// marker is where a block begins or ends. Of a line that names a known kind of block, hyphens may be missing, and what is behind it may be the
// block's content; any other line is one only as RFC 7468 has it.
var marker = regexp.MustCompile(`(?i:-{2,}\s*(BEGIN|END)[\s+]+(` + labels + `))|-----(BEGIN|END) `)

// labels are those of known kinds of blocks. Longer ones stand before the words that they begin with.
const labels = `(?:[A-Z0-9]{1,12}[\s+]+){0,3}PRIVATE[\s+]+KEY` +
	`|(?:X509[\s+]+|TRUSTED[\s+]+|NEW[\s+]+)?CERTIFICATE(?:[\s+]+REQUEST)?|(?:X509[\s+]+)?CRL` +
	`|(?:RSA[\s+]+|SSH2[\s+]+)?PUBLIC[\s+]+KEY|PKCS[\s+]*#?7|PKCS[\s+]*#?12|CMS` +
	`|(?:EC|DSA|(?:X9[.]42[\s+]+)?DH)[\s+]+PARAMETERS`

// block is a PEM block.
type block struct {
	// label is what the block says to be, in upper case; empty if that is no known kind. Nothing else of the line that begins it is kept: it may be
	// the private key, if the end of that line is missing.
	label string
	// encrypted says that the content is encrypted as RFC 1421 has it.
	encrypted bool
	// der is the content; nil if it can't be decoded.
	der []byte
	// fault says what is wrong if der is nil, or that a line is missing: nothing of the content.
	fault string
}

// What may be wrong with a block, for a sentence that begins with its name.
const (
	faultNoEnd   = "is cut off: the line -----END %s----- is missing"
	faultNoBegin = "is cut off: the line -----BEGIN %s----- is missing"
	faultBase64  = "is damaged: it has characters that are not base64"
	faultLength  = "is damaged: characters are missing or too many"
	faultForm    = "is damaged: it has spaces in its lines, as if it was sent in a form without being encoded. Send it with curl's --data-urlencode"
)

// isCut reports whether one of the lines around the block is missing.
func (b block) isCut() bool { return b.fault == faultNoEnd || b.fault == faultNoBegin }

// mark is a place where a block begins or ends.
type mark struct {
	label  string
	begins bool
	// start and end are where it stands in the text.
	start, end int
}

// scan returns the blocks of a text: one for each line that begins a block, and for each that ends one that did not begin. Text around them is
// skipped.
func scan(text string) []block {
	var marks []mark
	for _, at := range marker.FindAllStringSubmatchIndex(text, -1) {
		marks = append(marks, readMark(text, at))
	}
	var blocks []block
	for i, m := range marks {
		switch {
		case m.begins && (i+1 == len(marks) || marks[i+1].begins || kindOf(marks[i+1].label) != kindOf(m.label)):
			blocks = append(blocks, block{label: m.label, fault: faultNoEnd})
		case m.begins:
			blocks = append(blocks, decodeBlock(m.label, text[m.end:marks[i+1].start]))
		case i == 0 || !marks[i-1].begins:
			blocks = append(blocks, block{label: m.label, fault: faultNoBegin})
		}
	}
	return blocks
}

func readMark(text string, at []int) mark {
	m := mark{start: at[0], end: at[1]}
	if at[2] < 0 {
		m.begins = text[at[6]:at[7]] == "BEGIN"
		return m
	}
	m.begins = strings.EqualFold(text[at[2]:at[3]], "BEGIN")
	words := strings.FieldsFunc(strings.ToUpper(text[at[4]:at[5]]), func(char rune) bool { return char == '+' || unicode.IsSpace(char) })
	m.label = strings.Join(words, " ")
	return m
}

// header is a line before the content of a block, as RFC 1421 has it.
var header = regexp.MustCompile(`^[ \t\n]*[A-Za-z][-A-Za-z0-9]*:[^\n]*(\n|$)`)

func decodeBlock(label, body string) block {
	b := block{label: label}
	if label == "" {
		return b // What isn't known can't be used.
	}
	body = strings.TrimLeft(body, "-")
	if strings.Contains(body, "DEK-Info:") || strings.Contains(body, "Proc-Type:") {
		b.encrypted = true
		return b
	}
	for at := header.FindStringIndex(body); at != nil; at = header.FindStringIndex(body) {
		body = body[at[1]:]
	}
	b.der, b.fault = decode(body)
	if _, rest, several := strings.Cut(body, "\n"); several && b.fault != "" {
		if der, fault := decode(rest); fault == "" { // There is text behind the line that begins the block.
			b.der, b.fault = der, ""
		}
	}
	return b
}

// around are characters that stand around lines of base64 in source code, manifests and mails, and never within base64.
const around = "\t\"'`,;>#*|“”‘’"

var notBase64 = regexp.MustCompile(`[^A-Za-z0-9+/]`)

// decode returns the content of a block, or what is wrong with it.
//
// In a form that was not encoded, each plus sign has become a space. DER says how long it is, so that a space can be told from a plus sign: of all
// readings, one has the right length.
func decode(body string) (der []byte, fault string) {
	body = strings.Map(func(char rune) rune {
		switch {
		case char == ' ' || char == '\n':
			return char
		case strings.ContainsRune(around, char):
			return -1
		default:
			return char
		}
	}, strings.TrimRight(body, "-"))
	if der, structures := decodeBase64(withoutSpaces(body)); structures > 0 {
		return der, ""
	}
	der, several := read(body)
	switch {
	case several:
		return nil, faultForm // It may be either.
	case der != nil:
		return der, ""
	case notBase64.MatchString(strings.TrimRight(withoutSpaces(body), "=")):
		return nil, faultBase64
	case strings.Contains(strings.TrimSpace(unindented(body)), " "):
		return nil, faultForm
	default:
		return nil, faultLength
	}
}

// read returns the content of lines of base64 that have spaces in place of plus signs, and whether they can be read in several ways. A reading of one
// structure goes before those of two: what follows the first one may be anything that happens to look like another.
func read(body string) (der []byte, several bool) {
	fewest := 0
	for _, reading := range readings(body) {
		content, structures := decodeBase64(reading)
		switch {
		case structures == 0 || fewest > 0 && structures > fewest:
		case structures < fewest || fewest == 0:
			der, several, fewest = content, false, structures
		default:
			several = several || !bytes.Equal(der, content)
		}
	}
	return der, several
}

// decodeBase64 returns the content of base64, with or without its padding, and of how many structures it consists; none if it is not whole.
func decodeBase64(text string) (der []byte, structures int) {
	der, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return nil, 0
	}
	return der, wholeStructures(der)
}

// readings returns what lines of base64 may mean that have spaces in place of plus signs. At their end, some spaces may be plus signs and others
// none.
func readings(body string) []string {
	var all []string
	lines := strings.TrimRight(body, " \n")
	for range 4 {
		all = append(all, withPlus(lines), withLines(lines, 64), withLines(lines, 76))
		lines += " "
	}
	return all
}

// wholeStructures returns of how many structures of ASN.1, as long as they say, a text consists. One or two are wanted: a trusted certificate is followed
// by who trusts it. Of anything else it has none.
func wholeStructures(der []byte) int {
	rest := der
	for number := range 2 {
		var value asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &value); err != nil || !value.IsCompound {
			return 0
		}
		if len(rest) == 0 {
			return number + 1
		}
	}
	return 0
}

func withoutSpaces(body string) string { return strings.Join(strings.Fields(body), "") }

// withPlus returns lines of base64 in which spaces are plus signs.
func withPlus(body string) string {
	return strings.ReplaceAll(strings.ReplaceAll(unindented(body), "\n", ""), " ", "+")
}

// unindented returns lines without the indentation of the first one. That begins with what a SEQUENCE does, which is no plus sign.
func unindented(body string) string {
	lines := strings.Split(strings.Trim(body, "\n"), "\n")
	indentation := len(lines[0]) - len(strings.TrimLeft(lines[0], " "))
	for i, line := range lines {
		lines[i] = line[min(indentation, len(line)-len(strings.TrimLeft(line, " "))):]
	}
	return strings.Join(lines, "\n")
}

// withLines returns lines of base64 of a width that were joined by spaces, in which other spaces are plus signs.
func withLines(body string, width int) string {
	body = strings.TrimLeft(strings.ReplaceAll(body, "\n", " "), " ")
	if len(body) <= width {
		return ""
	}
	var lines []string
	for ; len(body) > width; body = body[width+1:] {
		if body[width] != ' ' {
			return ""
		}
		lines = append(lines, body[:width])
	}
	return strings.ReplaceAll(strings.Join(slices.Concat(lines, []string{body}), ""), " ", "+")
}
