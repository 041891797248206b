package main

import (
	"fmt"
	"strings"
)

// markdown is a page in the making.
type markdown struct{ strings.Builder }

// add adds a text as it is.
func (m *markdown) add(text string) {
	fmt.Fprint(m, text)
}

// newPage begins a page; its source is what it is generated from.
func newPage(title, source string) *markdown {
	m := &markdown{}
	m.para("# "+title, "<!-- Generated from "+source+" by `make generate`. Change that. -->")
	return m
}

// para adds blocks with an empty line behind each; empty ones are left out.
func (m *markdown) para(blocks ...string) {
	for _, block := range blocks {
		if block = strings.TrimSpace(block); block != "" {
			m.add(block + "\n\n")
		}
	}
}

// table adds a table, or nothing if it has no rows. Cells are Markdown already.
func (m *markdown) table(head []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	m.row(head)
	m.add("|" + strings.Repeat(" --- |", len(head)) + "\n")
	for _, row := range rows {
		m.row(row)
	}
	m.add("\n")
}

func (m *markdown) row(cells []string) {
	for _, cell := range cells {
		// Inside a table a pipe has to be escaped even in code.
		m.add("| " + strings.ReplaceAll(cell, "|", `\|`) + " ")
	}
	m.add("|\n")
}

// String returns the whole page.
func (m *markdown) String() string {
	return strings.TrimSpace(m.Builder.String()) + "\n"
}

// code writes a text as code, and nothing as nothing.
func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}

// fenced writes a text as a block of code in a language.
func fenced(language, text string) string {
	return "```" + language + "\n" + strings.TrimSpace(text) + "\n```"
}

// prose puts a text on one line and keeps it from meaning more in Markdown than it says; what is in backticks stays as it is.
func prose(text string) string {
	parts := strings.Split(strings.Join(strings.Fields(text), " "), "`")
	for i := 0; i < len(parts); i += 2 {
		parts[i] = strings.NewReplacer("*", `\*`, "<", "&lt;", "[", `\[`, " _", ` \_`, `"_`, `"\_`).Replace(parts[i])
	}
	return strings.Join(parts, "`")
}

// paragraphs writes a text of several paragraphs, in which an indented one is code.
func paragraphs(text string) []string {
	var blocks []string
	for block := range strings.SplitSeq(text, "\n\n") {
		if strings.HasPrefix(block, "    ") {
			blocks = append(blocks, fenced("", strings.ReplaceAll(block, "\n    ", "\n")))
			continue
		}
		blocks = append(blocks, prose(block))
	}
	return blocks
}

// between says what bounds a number of things: "1 to 25 characters", "at most 100 entries". Either bound may be missing.
func between[N int64 | float64](low, high *N, things string) string {
	switch {
	case low == nil && high == nil:
		return ""
	case high == nil && things == "characters" && *low == 1:
		return "not empty"
	case high == nil:
		return strings.TrimSpace(fmt.Sprintf("at least %v %s", *low, things))
	case low == nil || *low == 0 && things != "":
		return strings.TrimSpace(fmt.Sprintf("at most %v %s", *high, things))
	}
	return strings.TrimSpace(fmt.Sprintf("%v to %v %s", *low, *high, things))
}
