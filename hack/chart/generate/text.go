package generate

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// tokens stand for pieces of template in the YAML of an object, which is written as YAML first and becomes a template then.
type tokens struct {
	// inline are expressions within a value, blocks are whole lines; both by token.
	inline map[string]string
	blocks map[string][]string
}

var tokenLine = regexp.MustCompile(`(?m)^( *)(?:- )?(berthtoken\d+x)(?:: null)?$`)

var tokenLeft = regexp.MustCompile(`berthtoken\d+x`)

func newTokens() *tokens { return &tokens{inline: map[string]string{}, blocks: map[string][]string{}} }

func (t *tokens) next() string { return fmt.Sprintf("berthtoken%dx", len(t.inline)+len(t.blocks)) }

// expression returns what stands for {{ expression }} within a value.
func (t *tokens) expression(expression string) string {
	token := t.next()
	t.inline[token] = "{{ " + expression + " }}"
	return token
}

// set makes a value that of an expression, which has to quote it itself if it is text.
func (t *tokens) set(n *yaml.Node, expression string) {
	*n = *scalar(yaml.NodeTagString, t.expression(expression))
}

// add puts lines of template at the end of a mapping or a list. In them, $0 is the column of that mapping or list, $2 two more.
func (t *tokens) add(n *yaml.Node, lines ...string) {
	token := t.next()
	t.blocks[token] = lines
	if n.Kind == yaml.MappingNode {
		n.Content = append(n.Content, scalar(yaml.NodeTagString, token), scalar(yaml.NodeTagNull, "null"))
		return
	}
	n.Content = append(n.Content, scalar(yaml.NodeTagString, token))
}

// instead puts a value in the place of what a list has, unless that value is empty.
func (t *tokens) instead(list *yaml.Node, path string) {
	has := list.Content
	list.Content = nil
	t.add(list, "{{- with "+path+" }}", "{{- toYaml . | nindent $0 }}", "{{- else }}")
	list.Content = append(list.Content, has...)
	t.add(list, "{{- end }}")
}

// replace puts lines of template in the place of a mapping's key and its value, or at the end if it has none.
func (t *tokens) replace(mapping *yaml.Node, key string, lines ...string) {
	for i := 0; i < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			token := t.next()
			t.blocks[token] = lines
			mapping.Content[i], mapping.Content[i+1] = scalar(yaml.NodeTagString, token), scalar(yaml.NodeTagNull, "null")
			return
		}
	}
	t.add(mapping, lines...)
}

func scalar(tag, value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
}

// template makes a template of YAML with tokens. What looks like a template in it, such as the expressions of an alert, stays text.
func (t *tokens) template(text string) (string, error) {
	text = escape(text)
	text = tokenLine.ReplaceAllStringFunc(text, func(line string) string {
		parts := tokenLine.FindStringSubmatch(line)
		if _, ok := t.blocks[parts[2]]; !ok {
			return line
		}
		return indent(t.blocks[parts[2]], len(parts[1]))
	})
	for token, expression := range t.inline {
		text = strings.ReplaceAll(text, token, expression)
	}
	if left := tokenLeft.FindString(text); left != "" {
		return "", fmt.Errorf("there is no place for %q", t.blocks[left])
	}
	return text, nil
}

// escape keeps what looks like a template from being one.
func escape(text string) string { return strings.ReplaceAll(text, "{{", `{{ "{{" }}`) }

// indent writes lines of template from a column on.
func indent(lines []string, column int) string {
	columns := strings.NewReplacer("$0", strconv.Itoa(column), "$2", strconv.Itoa(column+2))
	var out []string
	for _, line := range lines {
		out = append(out, strings.Repeat(" ", column)+columns.Replace(line))
	}
	return strings.Join(out, "\n")
}
