package existing

import (
	"slices"
	"strings"
)

// Problem is something that is missing or ambiguous.
type Problem struct {
	// What says what is wrong and what to do.
	What string
	// Commands are shell commands that install what is missing.
	Commands []string
}

// ProblemsError is all that keeps Berth from being installed.
type ProblemsError []Problem

// Error lists the problems with the commands that end them.
func (p ProblemsError) Error() string {
	var b strings.Builder
	b.WriteString("not ready for Berth; nothing was changed\n")
	for _, problem := range p {
		b.WriteString("\n- " + problem.What + "\n")
		for _, command := range problem.Commands {
			b.WriteString("    " + command + "\n")
		}
	}
	return b.String()
}

func (f *finder) problem(what string, commands ...string) {
	f.problems = append(f.problems, Problem{What: what, Commands: commands})
}

// listed joins names, sorted.
func listed(names []string) string {
	return strings.Join(slices.Sorted(slices.Values(names)), ", ")
}
