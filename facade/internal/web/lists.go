package web

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
)

// listName is how a form names a member of an item of a list: env[0]name, as Django REST framework has it, or env[0][name] or env[0].name,
// as other libraries write it.
var listName = regexp.MustCompile(`^([A-Za-z_]+)\[([0-9]{1,4})\](?:\[([A-Za-z_]+)\]|\.?([A-Za-z_]+))$`)

// lists gathers the items of a form's lists, by the list's name and the item's number.
type lists map[string]map[int]map[string]any

// add takes a value if its name is that of an item's member, and says whether it is.
func (l lists) add(name, value string) bool {
	match := listName.FindStringSubmatch(name)
	if match == nil {
		return false
	}
	list, member := match[1], match[3]+match[4]
	number, err := strconv.Atoi(match[2])
	if err != nil {
		return false
	}
	if l[list] == nil {
		l[list] = map[int]map[string]any{}
	}
	if l[list][number] == nil {
		l[list][number] = map[string]any{}
	}
	l[list][number][member] = value
	return true
}

// members returns each list with its items in the order of their numbers; a number that is left out leaves no gap.
func (l lists) members() map[string]any {
	members := make(map[string]any, len(l))
	for name, items := range l {
		list := make([]any, 0, len(items))
		for _, number := range slices.Sorted(maps.Keys(items)) {
			list = append(list, items[number])
		}
		members[name] = list
	}
	return members
}
