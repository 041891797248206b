package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// forwardFacade makes the facade of an existing cluster answer on loopback, for as long as the stack runs, whichever Pod serves.
func (s *Stack) forwardFacade(ctx context.Context) error {
	s.Env.URL = "https://" + s.facadeAddr
	u, err := url.Parse(s.Env.URL)
	if err != nil {
		return err
	}
	ctx, s.stopForwarding = context.WithCancel(context.WithoutCancel(ctx)) // It outlives the start.
	go func() {
		for ctx.Err() == nil {
			if err := s.forwardOnce(ctx, u.Port()); err != nil && ctx.Err() == nil {
				s.logf("forward the facade: %v", err)
			}
			time.Sleep(time.Second)
		}
	}()
	return nil
}

// forwardOnce forwards to one Pod of the facade until that one ends.
func (s *Stack) forwardOnce(ctx context.Context, port string) error {
	var pods corev1.PodList
	if err := s.Client.List(ctx, &pods, client.InNamespace(Namespace), client.MatchingLabels{"app.kubernetes.io/name": "berth-facade"}); err != nil {
		return err
	}
	serving := slices.IndexFunc(pods.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp.IsZero() && isReady(&p) })
	if serving < 0 {
		return errors.New("there is no Pod that is ready")
	}
	forwarder, err := s.forwarder(ctx, pods.Items[serving].Name, port, make(chan struct{}))
	if err != nil {
		return err
	}
	return forwarder.ForwardPorts()
}

func isReady(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// ForwardFacade makes one Pod of the facade answer on a port of loopback, which it returns, until ctx ends.
func (s *Stack) ForwardFacade(ctx context.Context, pod string) (port uint16, err error) {
	ready, failed := make(chan struct{}), make(chan error, 1)
	forwarder, err := s.forwarder(ctx, pod, "0", ready)
	if err != nil {
		return 0, err
	}
	go func() { failed <- forwarder.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-failed:
		return 0, fmt.Errorf("forward to %s: %w", pod, err)
	}
	ports, err := forwarder.GetPorts()
	if err != nil {
		return 0, err
	}
	return ports[0].Local, nil
}

// forwarder leads from a port of loopback, 0 for any, to a Pod of the facade once it is told to, until ctx ends.
func (s *Stack) forwarder(ctx context.Context, pod, port string, ready chan struct{}) (*portforward.PortForwarder, error) {
	transport, upgrader, err := spdy.RoundTripperFor(s.Config)
	if err != nil {
		return nil, err
	}
	target, err := url.Parse(s.Config.Host)
	if err != nil {
		return nil, err
	}
	target.Path = fmt.Sprintf("/api/v1/namespaces/%s/pods/%s/portforward", Namespace, pod)
	dialer := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, target)
	return portforward.New(dialer, []string{port + ":8443"}, ctx.Done(), ready, io.Discard, s.opts.Log)
}
