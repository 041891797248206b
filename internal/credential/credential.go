// Package credential is the one place that decides which characters of a password or token that is given to Berth belong to it, so that every
// door reads the same: the REST API and Secrets that users make.
package credential

import "strings"

// TrimLineBreak returns text without the one line break, \n or \r\n, that it may end with: editors and echo end a file with one. Everything else
// belongs to the password, space at its beginning or end included.
func TrimLineBreak(text string) string {
	if rest, found := strings.CutSuffix(text, "\n"); found {
		return strings.TrimSuffix(rest, "\r")
	}
	return text
}
