package limit

import "sync"

// Slots bounds how much of something each of many callers has at the same time, such as open streams or bytes in memory. The zero value is ready
// to use.
type Slots struct {
	mu   sync.Mutex
	held map[string]int64
}

// Take gives an amount to a caller who then has no more than most, and returns what gives it back. It returns false, and gives nothing, if the caller
// would have more.
func (s *Slots) Take(who string, amount, most int64) (release func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if amount > most-s.held[who] {
		return nil, false
	}
	if s.held == nil {
		s.held = map[string]int64{}
	}
	s.held[who] += amount
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.held[who] -= amount; s.held[who] <= 0 {
			delete(s.held, who)
		}
	}), true
}
