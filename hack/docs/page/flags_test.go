package page

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// checked are the pages of which every flag, setting and value is looked for.
var checked = []string{"docs/guides/hardening.md", "SECURITY.md", "docs/guides/tenant-network.md"}

// othersFlags are those of programs that are not Berth's.
var othersFlags = map[string]bool{
	"audit-policy-file": true, "audit-log-path": true, "encryption-provider-config": true, // kube-apiserver
	"as": true, "as-group": true, "dry-run": true, "type": true, "rule": true, "list": true, "raw": true, "image": true, // kubectl
}

var (
	flagPattern    = regexp.MustCompile(`--([a-z][a-z0-9-]*)`)
	settingPattern = regexp.MustCompile("`([A-Z][A-Z0-9]*_[A-Z0-9_]*)`")
	valuePattern   = regexp.MustCompile("`([a-z][A-Za-z]*(?:\\.[a-z][A-Za-z]*)*)`(?:, `[A-Za-z._]+`)*: `--")
)

// TestFlagsExist looks for every flag, every setting and every value of the chart that a page names.
func TestFlagsExist(t *testing.T) {
	pages, err := ReadAll(root)
	if err != nil {
		t.Fatal(err)
	}
	flags, settings, values := flagsOf(t), settingsOf(t), chartValues(t)
	found := 0
	for _, p := range pages {
		if !slices.Contains(checked, p.Path) {
			continue
		}
		for _, match := range flagPattern.FindAllStringSubmatch(p.Text, -1) {
			found++
			if !flags[match[1]] && !othersFlags[match[1]] {
				t.Errorf("%s: no command has the flag --%s", p.Path, match[1])
			}
		}
		for _, match := range settingPattern.FindAllStringSubmatch(p.Text, -1) {
			if !settings[match[1]] {
				t.Errorf("%s: config/default has no setting %s", p.Path, match[1])
			}
		}
		for _, match := range valuePattern.FindAllStringSubmatch(p.Text, -1) {
			if !values[match[1]] {
				t.Errorf("%s: the chart has no value %s", p.Path, match[1])
			}
		}
	}
	if found < 20 || !flags["verify-domains"] || flags["no-such-flag"] || !settings["DENY_EGRESS"] || !values["mail.senderDomains"] {
		t.Errorf("found %d flags on the pages, %d of the commands, %d settings and %d values: this test sees nothing", found, len(flags), len(settings), len(values))
	}
}

// flagsOf returns the names of the flags that the commands register: the texts without spaces among the arguments of their calls.
func flagsOf(t *testing.T) map[string]bool {
	t.Helper()
	flags := map[string]bool{}
	for _, command := range []string{"operator", "facade", "berthctl"} {
		files, err := filepath.Glob(filepath.Join(root, "cmd", command, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(parsed, func(node ast.Node) bool {
				call, ok := node.(*ast.CallExpr)
				if !ok {
					return true
				}
				for _, argument := range call.Args {
					if literal, ok := argument.(*ast.BasicLit); ok && literal.Kind == token.STRING {
						if name, err := strconv.Unquote(literal.Value); err == nil && flagPattern.MatchString("--"+name) {
							flags[name] = true
						}
					}
				}
				return true
			})
		}
	}
	return flags
}

// settingsOf returns the names of the settings of config/default.
func settingsOf(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "config", "default", "kustomization.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]bool{}
	for _, match := range regexp.MustCompile(`(?m)^  - ([A-Z][A-Z0-9_]*)=`).FindAllStringSubmatch(string(text), -1) {
		settings[match[1]] = true
	}
	return settings
}

// chartValues returns the paths of the values of the chart.
func chartValues(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "config", "chart", "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := yaml.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	paths := map[string]bool{}
	var walk func(prefix string, values map[string]any)
	walk = func(prefix string, values map[string]any) {
		for key, value := range values {
			paths[prefix+key] = true
			if below, ok := value.(map[string]any); ok {
				walk(prefix+key+".", below)
			}
		}
	}
	walk("", all)
	return paths
}
