package wire

import (
	"fmt"
	"strings"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/internal/host"
)

// FieldDomains names the further hosts of a request for a certificate. A form may repeat it.
const FieldDomains = "domains"

// maxDomains is how many names a certificate may have, one of them the domain's own. Public authorities sign no more.
const maxDomains = 100

// ParseDomains reads the further hosts that a certificate is to be requested for: a list of names, or their text with commas between them. The error is a
// 400 that names the field.
func ParseDomains(members map[string]any) ([]string, error) {
	p := parser{members: members, errors: apierr.Fields{}}
	var hosts []string
	for _, item := range p.items(FieldDomains) {
		value, problem := text(item)
		if problem != "" {
			p.errors.Add(FieldDomains, problem)
			continue
		}
		for part := range strings.SplitSeq(value, ",") {
			if strings.TrimSpace(part) == "" {
				continue
			}
			parsed, err := host.Parse(part)
			if err != nil {
				p.errors.Add(FieldDomains, err.Error())
				continue
			}
			hosts = append(hosts, parsed)
		}
	}
	if len(hosts) >= maxDomains {
		p.errors.Add(FieldDomains, fmt.Sprintf("A certificate has at most %d names.", maxDomains))
	}
	return hosts, p.errors.Err()
}

// items reads a member that is a list or a single value. In a form, either may be the JSON text of a list.
func (p *parser) items(name string) []any {
	var all []any
	switch member := p.members[name].(type) {
	case nil:
		return nil
	case map[string]any:
		p.errors.Add(name, messageNotList)
		return nil
	case []any:
		all = member
	default:
		all = []any{member}
	}
	var items []any
	for _, item := range all {
		encoded, ok := item.(string)
		if !ok {
			items = append(items, item)
			continue
		}
		switch decoded := decodeList(encoded).(type) {
		case nil:
		case []any:
			items = append(items, decoded...)
		default:
			items = append(items, encoded)
		}
	}
	return items
}
