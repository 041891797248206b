package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
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
	if len(pods.Items) == 0 {
		return errors.New("there is no Pod")
	}
	transport, upgrader, err := spdy.RoundTripperFor(s.Config)
	if err != nil {
		return err
	}
	target, err := url.Parse(s.Config.Host)
	if err != nil {
		return err
	}
	target.Path = fmt.Sprintf("/api/v1/namespaces/%s/pods/%s/portforward", Namespace, pods.Items[0].Name)
	dialer := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, target)
	forwarder, err := portforward.New(dialer, []string{port + ":8443"}, ctx.Done(), make(chan struct{}), io.Discard, s.opts.Log)
	if err != nil {
		return err
	}
	return forwarder.ForwardPorts()
}
