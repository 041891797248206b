package alerts

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// panel is what these tests read of one.
type panel struct {
	ID      int    `json:"id"`
	Type    string `json:"type"`
	Title   string `json:"title"`
	GridPos struct {
		X, Y, W, H int
	} `json:"gridPos"`
	Targets []struct {
		Expr string `json:"expr"`
	} `json:"targets"`
}

// TestDashboard has each panel of the dashboard ask something that Prometheus understands, and lie where no other lies.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(configuration, "berth.json"))
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		UID    string  `json:"uid"`
		Panels []panel `json:"panels"`
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	if dashboard.UID == "" || len(dashboard.Panels) == 0 {
		t.Fatal("this is no dashboard")
	}
	ids, places := map[int]bool{}, map[[2]int]string{}
	for _, p := range dashboard.Panels {
		if ids[p.ID] {
			t.Errorf("%s: another panel has the id %d", p.Title, p.ID)
		}
		ids[p.ID] = true
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("%s asks nothing", p.Title)
		}
		for _, target := range p.Targets {
			// Grafana puts a duration in place of its variable.
			if _, err := language.ParseExpr(strings.ReplaceAll(target.Expr, "$__rate_interval", "2m")); err != nil {
				t.Errorf("%s: %v", p.Title, err)
			}
		}
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				place := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if other, taken := places[place]; taken || place[0] >= 24 {
					t.Errorf("%s lies beside the page or over %q", p.Title, other)
				}
				places[place] = p.Title
			}
		}
	}
}
