package report

import (
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/berth-dev/berth/hack/bench/internal/load"
)

// SetFloor notes the floor of a call, by plain requests or by server-side apply.
func (s *Size) SetFloor(name string, clients int, applied bool, floor load.Figure) {
	for i := range s.Calls {
		switch c := &s.Calls[i]; {
		case c.Name != name || c.Clients != clients:
		case applied:
			c.FloorApply = &floor
		default:
			c.Floor = &floor
		}
	}
}

// Write writes results.json, results.md and the plots into a folder.
func (r *Results) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	encoded, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	calls, err := r.plotCalls()
	if err != nil {
		return err
	}
	floors, err := r.plotFloor()
	if err != nil {
		return err
	}
	files := map[string][]byte{
		"results.json": append(encoded, '\n'), "results.md": []byte(r.Markdown()), "calls.svg": calls, "floor.svg": floors,
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil { //nolint:gosec // They are to be read by everybody.
			return err
		}
	}
	return nil
}
