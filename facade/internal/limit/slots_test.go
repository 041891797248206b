package limit

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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

// TestSlotsInAll says that callers who take what they can get leave something for those who come later.
func TestSlotsInAll(t *testing.T) {
	s := Slots{Total: 3000}
	var got []int64
	for i := range 6 {
		who := strconv.Itoa(i)
		for range 3000 {
			if _, ok := s.Take(who, 1, 2000); !ok {
				break
			}
		}
		got = append(got, s.held[who])
	}
	if diff := cmp.Diff([]int64{1000, 666, 444, 296, 198, 132}, got); diff != "" {
		t.Errorf("what callers get, one after another: -want, +got:\n%s", diff)
	}
}

// TestSlotsEvenOut says that callers who give something back and take what they can get have equal parts in the end.
func TestSlotsEvenOut(t *testing.T) {
	s := Slots{Total: 3000}
	held := map[string][]func(){}
	for range 500 {
		for i := range 4 {
			who := strconv.Itoa(i)
			if old := held[who]; len(old) > 0 {
				old[0]()
				held[who] = old[1:]
			}
			for range 100 {
				release, ok := s.Take(who, 10, 2000)
				if !ok {
					break
				}
				held[who] = append(held[who], release)
			}
		}
	}
	for who, amount := range s.held {
		if amount < 450 || amount > 550 {
			t.Errorf("%s has %d, want about 500", who, amount)
		}
	}
}

// TestSlotsAreGivenBack says that what was given back can be had by others.
func TestSlotsAreGivenBack(t *testing.T) {
	s := Slots{Total: 6}
	release, ok := s.Take("acme", 2, 10)
	if !ok {
		t.Fatal("a third of all is refused")
	}
	if _, ok := s.Take("rival", 2, 10); ok {
		t.Error("half of the rest is given to one caller")
	}
	release()
	if _, ok := s.Take("rival", 2, 10); !ok || s.used != 2 {
		t.Errorf("after it was given back, %d are held", s.used)
	}
}
