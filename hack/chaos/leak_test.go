package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// errNotYet says that something hasn't happened yet.
var errNotYet = errors.New("not yet")

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

// run makes a Pod of an app that runs on the node.
func (n *node) run(t *testing.T, organization, app string) {
	t.Helper()
	server := httptest.NewTLSServer(n)
	t.Cleanup(server.Close)
	var port int32
	if _, err := fmt.Sscanf(server.Listener.Addr().String(), loopback+":%d", &port); err != nil {
		t.Fatal(err)
	}
	machine := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "chaos"}}
	if err := suite.api.Create(t.Context(), machine); err != nil {
		t.Fatal(err)
	}
	machine.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: loopback}}
	machine.Status.DaemonEndpoints.KubeletEndpoint.Port = port
	if err := suite.api.Status().Update(t.Context(), machine); err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: organization, Name: "talks", Labels: map[string]string{v1alpha1.LabelApp: app}},
		Spec:       corev1.PodSpec{NodeName: machine.Name, Containers: []corev1.Container{{Name: "app", Image: "example.com/a"}}},
	}
	if err := suite.api.Create(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
}

// TestNothingLeaks counts what is left of operator, facades and followers of a log after they have ended: goroutines here, watches and
// streams at the API server.
func TestNothingLeaks(t *testing.T) {
	f := begin(t, "goroutines, watches and streams after the end")
	f.Objects = 1
	s := &storm{figures: f, doors: newDoors(t)}
	before := watches(t)
	known := goleak.IgnoreCurrent()
	operator := startOperator(t)
	stops := []func(){s.doors.open(t, nil), s.doors.open(t, nil)}
	s.enter(t, "leaks")
	s.awaitOpen(t)
	asking := &caller{doors: s.doors, key: s.key, app: &ledger{organization: "leaks", slug: "leaks"}, unsure: &s.unsure, chance: chance(t.Name())}
	if err := asking.create(1); err != nil {
		t.Fatal(err)
	}
	n := &node{}
	n.run(t, "leaks", "leaks")
	f.Faults += followers
	follow(t, s, asking, n)
	eventually(t, patience, func(context.Context) error {
		if open := n.open.Load(); open > 0 {
			return fmt.Errorf("%d streams of logs are open though nobody follows", open)
		}
		return nil
	})
	for _, stop := range append(stops, operator.stop) {
		stop()
	}
	s.doors.client.CloseIdleConnections()
	// The test's own server, and connections to the API server: client-go keeps them for whoever comes next, with the same key as before. What is
	// still asked for on them, the API server counts.
	if err := goleak.Find(known, goleak.IgnoreAnyFunction("net/http/httptest.(*Server).goServe.func1"),
		goleak.IgnoreAnyFunction("net/http.(*conn).serve"), goleak.IgnoreAnyFunction("testing.(*T).Run"),
		goleak.IgnoreAnyFunction("golang.org/x/net/http2.(*clientConnReadLoop).run")); err != nil {
		f.diverged(t, "%v", err)
	}
	if err := poll(t.Context(), patience, func(context.Context) error {
		if after := watches(t); after > before {
			return fmt.Errorf("the API server serves %.0f watches, %.0f before", after, before)
		}
		return nil
	}); err != nil {
		f.diverged(t, "%v", err)
	}
}

// follow has many clients follow the log of an app, through all facades, and leave while it goes on.
func follow(t *testing.T, s *storm, asking *caller, n *node) {
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
	eventually(t, patience, func(context.Context) error {
		if open := n.open.Load(); open < followers {
			return fmt.Errorf("%d streams of logs are open, want %d", open, followers)
		}
		return nil
	})
	leave()
	reading.Wait()
}

// watches is how many watches the API server serves.
func watches(t *testing.T) float64 {
	t.Helper()
	transport, err := rest.HTTPClientFor(suite.admin)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, suite.admin.Host+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := transport.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, m := range families["apiserver_longrunning_requests"].GetMetric() {
		for _, label := range m.GetLabel() {
			if label.GetName() == "verb" && strings.EqualFold(label.GetValue(), "watch") {
				sum += m.GetGauge().GetValue()
			}
		}
	}
	return sum
}
