package profile

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// fewKeys is the largest number of keys that the page shows without a search.
const fewKeys = 5

// The orders of keys, as the query says them.
const (
	newestFirst = ""
	usedFirst   = "used"
	endingFirst = "ends"
)

// keyFilter selects and sorts keys.
type keyFilter struct {
	// Words are part of what a key is for, of its owner or of its id; empty for every key.
	Words string
	// Order is newestFirst, usedFirst or endingFirst.
	Order string
}

// Orders are those that a person can choose.
func (keyFilter) Orders() []choice {
	return []choice{{Value: newestFirst, Text: "made last"}, {Value: usedFirst, Text: "used last"}, {Value: endingFirst, Text: "ends soonest"}}
}

// filterOf returns what a request filters by. An order that there is not is newestFirst: it is for people, who see which one they get.
func filterOf(c *gin.Context) keyFilter {
	f := keyFilter{Words: strings.TrimSpace(c.Query("key")), Order: c.Query("sort")}
	if !slices.ContainsFunc(f.Orders(), func(o choice) bool { return o.Value == f.Order }) {
		f.Order = newestFirst
	}
	return f
}

// sift filters the keys of a page, and sets Sift if there are more than fewKeys or a filter is set.
func (v *indexView) sift() {
	total := len(v.Others)
	for i := range v.Organizations {
		total += len(v.Organizations[i].Keys)
		v.Organizations[i].Keys = v.Filter.apply(v.Organizations[i].Keys)
	}
	v.Others = v.Filter.apply(v.Others)
	v.Sift = total > fewKeys || v.Filter.Words != ""
}

// apply returns those of some keys, the newest first, that are found, in order. Keys that have ended come last.
func (f keyFilter) apply(keys []keyView) []keyView {
	found := slices.DeleteFunc(slices.Clone(keys), func(key keyView) bool { return !f.finds(key) })
	slices.SortStableFunc(found, func(a, b keyView) int { return cmp.Or(compareBool(a.Over, b.Over), f.compare(a, b)) })
	return found
}

func (f keyFilter) finds(key keyView) bool {
	words := strings.ToLower(f.Words)
	return slices.ContainsFunc([]string{key.Description, key.Owner, key.ID}, func(s string) bool { return strings.Contains(strings.ToLower(s), words) })
}

func (f keyFilter) compare(a, b keyView) int {
	switch f.Order {
	case usedFirst:
		return b.LastUsed.Compare(a.LastUsed)
	case endingFirst:
		return cmp.Or(compareBool(a.Ends.IsZero(), b.Ends.IsZero()), a.Ends.Compare(b.Ends))
	}
	return 0
}

// compareBool puts false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
