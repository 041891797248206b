package chaos

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/hack/chaos/fault"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

// followers is how many clients follow the log of an app.
const followers = 32

// node is a kubelet that has no end of logs to tell.
type node struct{ open atomic.Int64 }

// ServeHTTP tells a log until its reader is gone.
func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.open.Add(1)
	defer n.open.Add(-1)
	for number := 0; ; number++ {
		fmt.Fprintf(w, "%s line %d\n", time.Now().UTC().Format(time.RFC3339Nano), number)
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// run makes a Pod of an app that runs on the node, which serves until the test ends.
func (n *node) run(t *testing.T, organization, app string) {
	t.Helper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: organization, Name: "talks", Labels: map[string]string{v1alpha1.LabelApp: app}},
		Spec: corev1.PodSpec{
			NodeName: testenv.StartKubelet(t, suite.api, n), Containers: []corev1.Container{{Name: "app", Image: "example.com/a"}},
		},
	}
	if err := suite.api.Create(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
}

// TestNothingLeaks counts what is left of operator, facades, clients and followers of a log after they have ended: goroutines here, watches and
// streams at the API server.
func TestNothingLeaks(t *testing.T) {
	f := begin(t, "goroutines, watches and streams after the end")
	f.Objects = 1
	before := steadyWatches(t)
	known := goleak.IgnoreCurrent()
	// What a test closes in the end is closed before the count.
	if !t.Run("Work", func(t *testing.T) { workAndEnd(t, f, before) }) {
		return
	}
	// Connections to the API server client-go keeps for whoever comes next, with the same key as before. What is still asked for on them, the API
	// server counts.
	if err := soon(t, func(context.Context) error {
		return goleak.Find(known, goleak.IgnoreAnyFunction("golang.org/x/net/http2.(*clientConnReadLoop).run"))
	}); err != nil {
		f.diverged(t, "%v", err)
	}
	if err := soon(t, func(context.Context) error {
		if after := watches(t); after > before {
			return fmt.Errorf("the API server serves %.0f watches, %.0f before", after, before)
		}
		return nil
	}); err != nil {
		f.diverged(t, "%v", err)
	}
}

// workAndEnd has an operator, facades, a client and followers work, undisturbed and with faults, and end.
func workAndEnd(t *testing.T, f *figures, before float64) {
	t.Helper()
	s := &storm{figures: f, doors: newDoors(t)}
	failures, cuts := &fault.Failures{Chance: chance(t.Name()), Rate: 0.08}, &fault.Cuts{}
	wrap := func(next http.RoundTripper) http.RoundTripper { return failures.Wrap(cuts.Wrap(next)) }
	s.operate(t, through(wrap))
	s.doors.open(t, wrap)
	s.doors.open(t, wrap)
	s.enter(t, "leaks")
	s.awaitOpen(t)
	if now := watches(t); now <= before {
		t.Errorf("the API server serves %.0f watches with an operator and two facades, %.0f before", now, before)
	}
	app := &ledger{organization: "leaks", slug: "leaks"}
	asking := &caller{doors: s.doors, key: s.key, app: app, unsure: &s.unsure, chance: chance(app.slug)}
	if err := asking.create(1); err != nil {
		t.Fatal(err)
	}
	n := &node{}
	n.run(t, "leaks", "leaks")
	f.Faults += followers
	follow(t, s, asking, n, func() {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		f.Faults += disturb(ctx, t, asking, failures, cuts)
	})
	eventually(t, func(context.Context) error {
		if open := n.open.Load(); open > 0 {
			return fmt.Errorf("%d streams of logs are open though nobody follows", open)
		}
		return nil
	})
}

// disturb lets requests fail and watches be cut while a client works, until ctx ends, and returns how many did.
func disturb(ctx context.Context, t *testing.T, asking *caller, failures *fault.Failures, cuts *fault.Cuts) int {
	t.Helper()
	chance := chance(t.Name() + " cuts")
	failures.Enable(true)
	var working sync.WaitGroup
	working.Go(func() {
		if err := asking.work(ctx); err != nil {
			t.Error(err)
		}
	})
	for pause(ctx, chance, 20*time.Millisecond, 200*time.Millisecond) {
		cuts.Cut(func() bool { return chance.IntN(3) == 0 })
	}
	failures.Enable(false)
	working.Wait()
	return failures.Made() + cuts.Made()
}

// follow has many clients follow the log of an app, through all facades, and leave while it goes on, after something was done meanwhile.
func follow(t *testing.T, s *storm, asking *caller, n *node, meanwhile func()) {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	var reading sync.WaitGroup
	for number := range followers {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.doors.url(number)+asking.path()+"logs/?follow=true", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.SetBasicAuth(s.key, "")
		reading.Go(func() {
			response, err := s.doors.client.Do(request)
			if err != nil {
				return // It has left.
			}
			defer response.Body.Close()
			for buffer := make([]byte, 1024); err == nil; {
				_, err = response.Body.Read(buffer)
			}
		})
	}
	eventually(t, func(context.Context) error {
		if open := n.open.Load(); open < followers {
			return fmt.Errorf("%d streams of logs are open, want %d", open, followers)
		}
		return nil
	})
	meanwhile()
	leave()
	reading.Wait()
}

// steadyWatches waits until the API server serves the same number of watches for a second, when those of the tests before have ended, and returns
// it.
func steadyWatches(t *testing.T) float64 {
	t.Helper()
	number, since := watches(t), time.Now()
	eventually(t, func(context.Context) error {
		if now := watches(t); now != number {
			number, since = now, time.Now()
		}
		if time.Since(since) < time.Second {
			return fmt.Errorf("the API server has served %.0f watches only for a moment", number)
		}
		return nil
	})
	return number
}

// watches is how many watches the API server serves.
func watches(t *testing.T) float64 {
	t.Helper()
	transport, err := rest.HTTPClientFor(suite.admin)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0 // The stand-ins always watch something: without any, it isn't there that they are counted.
	for _, m := range scrape(t, transport, suite.admin.Host)["apiserver_longrunning_requests"].GetMetric() {
		for _, label := range m.GetLabel() {
			if label.GetName() == "verb" && strings.EqualFold(label.GetValue(), "watch") {
				sum += m.GetGauge().GetValue()
			}
		}
	}
	if sum == 0 {
		t.Fatal("the API server doesn't tell how many watches it serves")
	}
	return sum
}

// scrape reads the metrics of a program that serves them below a URL.
func scrape(t *testing.T, client *http.Client, url string) map[string]*dto.MetricFamily {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return families
}
