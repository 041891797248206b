package limit

import "sync"

// Slots bounds how much of something each of many callers has at the same time, such as open streams or bytes in memory. The zero value bounds callers,
// but not all of them together.
type Slots struct {
	// Total is how much all callers have together at most; 0 for any amount. A caller then gets more only while that is no more than half of what is left
	// for the others: a third of all for one caller alone, and, once what they had before is given back, an equal part for each of several. So the first
	// ones never take all.
	Total int64

	mu   sync.Mutex
	held map[string]int64
	// used is what all callers have.
	used int64
}

// Take gives an amount to a caller who then has no more than most, nor more than Total allows, and returns what gives it back. It returns false, and
// gives nothing, if the caller would have more.
func (s *Slots) Take(who string, amount, most int64) (release func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if amount > most-s.held[who] || s.Total > 0 && 2*(s.held[who]+amount) > s.Total-s.used-amount {
		return nil, false
	}
	if s.held == nil {
		s.held = map[string]int64{}
	}
	s.held[who] += amount
	s.used += amount
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.used -= amount
		if s.held[who] -= amount; s.held[who] <= 0 {
			delete(s.held, who)
		}
	}), true
}
