package limit

import "testing"

func TestSlots(t *testing.T) {
	var s Slots
	first, ok := s.Take("acme", 2, 3)
	if !ok {
		t.Fatal("2 of 3 are refused")
	}
	if _, ok := s.Take("acme", 2, 3); ok {
		t.Error("4 of 3 are given")
	}
	other, ok := s.Take("rival", 3, 3)
	if !ok {
		t.Error("another caller is refused")
	}
	second, ok := s.Take("acme", 1, 3)
	if !ok {
		t.Error("the third of 3 is refused")
	}
	first()
	first() // Again has no effect.
	if _, ok := s.Take("acme", 3, 3); ok {
		t.Error("more than 3 are given after a slot was given back twice")
	}
	second()
	other()
	if len(s.held) > 0 {
		t.Errorf("it remembers callers who have nothing: %v", s.held)
	}
	if _, ok := s.Take("acme", 1, 0); ok {
		t.Error("one of none is given")
	}
}
