package report

import (
	"bytes"
	"fmt"
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

const plotWidth, plotHeight = 8 * vg.Inch, 4.5 * vg.Inch

// allCalls are the calls in the order in which they are shown.
var allCalls = []string{CallGet, CallList, CallListLast, CallUnchanged, CallChanged, CallRestart, CallCreate}

// plotCalls shows how many calls a second there were by the number of Apps: a level line is a call that costs the same whatever else there is.
func (r *Results) plotCalls() ([]byte, error) {
	p := plot.New()
	p.Title.Text = fmt.Sprintf("Calls a second, %d clients", r.plotClients())
	p.X.Label.Text, p.Y.Label.Text = "Apps, each with a Domain", "calls/s"
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = r.sizeTicks(), plot.LogTicks{Prec: -1}
	p.Add(plotter.NewGrid())
	for i, name := range allCalls {
		points := make(plotter.XYs, 0, len(r.Sizes))
		for j := range r.Sizes {
			points = append(points, plotter.XY{X: float64(r.Sizes[j].Apps), Y: r.Sizes[j].call(name).Rate})
		}
		line, marks, err := plotter.NewLinePoints(points)
		if err != nil {
			return nil, err
		}
		line.Color, line.Width, marks.Color, marks.Shape = plotutil.Color(i), vg.Points(2), plotutil.Color(i), draw.CircleGlyph{}
		p.Add(line, marks)
		p.Legend.Add(name, line, marks)
	}
	return svg(p)
}

// plotClients is the number of clients of the calls that are shown.
func (r *Results) plotClients() int {
	s := r.most()
	return s.call(CallGet).Clients
}

// sizeTicks mark the numbers of Apps.
func (r *Results) sizeTicks() plot.ConstantTicks {
	var ticks plot.ConstantTicks
	for _, s := range r.Sizes {
		ticks = append(ticks, plot.Tick{Value: float64(s.Apps), Label: thousands(int64(s.Apps))})
	}
	return ticks
}

// plotFloor shows which share of the floor's rate there is.
func (r *Results) plotFloor() ([]byte, error) {
	p := plot.New()
	p.Title.Text = fmt.Sprintf("Share of the rate of a plain client at the API server, %d clients", r.plotClients())
	p.Y.Label.Text, p.Y.Min = "%", 0
	names := []string{CallChanged, CallRestart, CallCreate}
	width := vg.Points(90) / vg.Length(len(r.Sizes)+1)
	for i := range r.Sizes {
		s := &r.Sizes[i]
		values := plotter.Values{}
		for _, name := range names {
			values = append(values, s.call(name).Ratio()*100)
		}
		values = append(values, s.Converge.Rate/s.Converge.Floor.Rate*100)
		bars, err := plotter.NewBarChart(values, width)
		if err != nil {
			return nil, err
		}
		bars.Color, bars.LineStyle.Width = plotutil.Color(i), 0
		bars.Offset = width * vg.Length(2*i-len(r.Sizes)+1) / 2
		p.Add(bars)
		p.Legend.Add(thousands(int64(s.Apps))+" Apps", bars)
	}
	all := plotter.NewFunction(func(float64) float64 { return 100 })
	all.Color = color.Gray{Y: 128}
	p.Add(all)
	p.Legend.Top = true
	p.NominalX(append(names, "App until its Deployment is there")...)
	return svg(p)
}

func svg(p *plot.Plot) ([]byte, error) {
	canvas := vgsvg.New(plotWidth, plotHeight)
	p.Draw(draw.New(canvas))
	var b bytes.Buffer
	_, err := canvas.WriteTo(&b)
	return b.Bytes(), err
}
