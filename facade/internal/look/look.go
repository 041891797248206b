// Package look is what the pages of the facade look like, each with a style of its own beside it.
package look

import _ "embed" // For the style.

// Style is the style that all pages begin with: colours for light and dark, type, links and what has the focus.
//
//go:embed look.css
var Style string
