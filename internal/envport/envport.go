// Package envport reads the port that an environment tells a program to listen on.
package envport

import "strconv"

const (
	// Variable is the environment variable that tells a program which port to listen on.
	Variable = "PORT"
	// Default is the port of a program that nothing is known about.
	Default = 80
)

// Parse returns the number of a port, from 1 to 65535 and in digits alone, and whether the text is one.
func Parse(text string) (int32, bool) {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return 0, false
	}
	return int32(n), true
}
