package report

import (
	"fmt"
	"strings"
)

// table is a table of Markdown. Its first column is text, the others are numbers.
type table struct {
	head []string
	rows [][]string
}

func newTable(head ...string) *table { return &table{head: head} }

// add adds a row; a missing cell is empty.
func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) String() string {
	var b strings.Builder
	line := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	line(t.head)
	b.WriteString("| ---" + strings.Repeat(" | ---:", len(t.head)-1) + " |\n")
	for _, row := range t.rows {
		line(append(row, make([]string, len(t.head)-len(row))...))
	}
	return b.String()
}

// number writes a number with three digits that say something, or all those before the point.
func number(value float64) string {
	switch {
	case value == 0:
		return "0"
	case value < 0.0005:
		return "< 0.001"
	case value < 1:
		return fmt.Sprintf("%.3f", value)
	case value < 10:
		return fmt.Sprintf("%.2f", value)
	case value < 100:
		return fmt.Sprintf("%.1f", value)
	default:
		return thousands(int64(value + 0.5))
	}
}

// thousands writes an integer with a comma between thousands.
func thousands(value int64) string {
	digits := fmt.Sprint(value)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

func percent(share float64) string { return fmt.Sprintf("%.0f %%", share*100) }

func megabytes(bytes int64) string { return fmt.Sprintf("%d MB", bytes>>20) }
