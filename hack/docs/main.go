// Command docs writes docs/reference from what it describes, for `make generate`: api.md from the custom resource definitions and the
// constants of api/v1alpha1, rest.md from the facade's contract.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	root := flag.String("root", ".", "the checkout")
	flag.Parse()
	if err := run(*root); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

// run writes the pages into the checkout at root.
func run(root string) error {
	pages := map[string]func(root string) (string, error){"api.md": apiPage, "rest.md": restPage}
	for name, write := range pages {
		page, err := write(root)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(root, "docs", "reference", name), []byte(page), 0o600); err != nil {
			return err
		}
	}
	return nil
}
