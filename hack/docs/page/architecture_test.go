package page

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/berth-dev/berth/"

var (
	floorTable = regexp.MustCompile(`(?m)^### Floors of (\w+)$`)
	floorRow   = regexp.MustCompile(`(?m)^\| (\d+) \| (.*?) \|`)
	floorLink  = regexp.MustCompile(`\]\(\.\./([^)]+)\)`)
)

// TestFloors holds the tables of floors in docs/architecture.md against the imports: every package is on one floor, and imports only lower ones.
func TestFloors(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	tables := floorTable.FindAllSubmatchIndex(page, -1)
	if len(tables) != 2 {
		t.Fatalf("the page has %d tables of floors, want those of controllers and facade", len(tables))
	}
	for _, at := range tables {
		area := string(page[at[2]:at[3]])
		rest, _, _ := strings.Cut(string(page[at[1]:]), "\n#")
		t.Run(area, func(t *testing.T) {
			t.Parallel()
			floors := floorsIn(t, rest)
			imports := importsIn(t, area)
			for pkg := range floors {
				if imports[pkg] == nil {
					t.Errorf("the page has %s, which is not a package", pkg)
				}
			}
			for pkg, imported := range imports {
				if floors[pkg] == 0 {
					t.Errorf("the page lacks %s", pkg)
				}
				for _, other := range imported {
					if strings.HasPrefix(other+"/", area+"/") && floors[other] >= floors[pkg] {
						t.Errorf("%s on floor %d imports %s on floor %d", pkg, floors[pkg], other, floors[other])
					}
				}
			}
		})
	}
}

// floorsIn returns the floor of each package in a table.
func floorsIn(t *testing.T, table string) map[string]int {
	t.Helper()
	floors := map[string]int{}
	for _, row := range floorRow.FindAllStringSubmatch(table, -1) {
		floor, err := strconv.Atoi(row[1])
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range floorLink.FindAllStringSubmatch(row[2], -1) {
			if floors[link[1]] != 0 {
				t.Errorf("%s is on two floors", link[1])
			}
			floors[link[1]] = floor
		}
	}
	return floors
}

// importsIn returns what each package of an area imports of this module, by the paths of folders.
func importsIn(t *testing.T, area string) map[string][]string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./"+area+"/...")
	list.Dir = "../../.."
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	imports := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		all := []string{}
		for _, imported := range words[1:] {
			if own, ok := strings.CutPrefix(imported, module); ok {
				all = append(all, own)
			}
		}
		imports[strings.TrimPrefix(words[0], module)] = all
	}
	return imports
}
