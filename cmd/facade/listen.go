package main

import (
	"context"
	"errors"
	"net"
)

// listeners are where the facade serves: the API, the probes, and the metrics, which are nil for nowhere.
type listeners struct{ api, health, metrics net.Listener }

// listen listens where the flags say.
func (f *flags) listen(ctx context.Context) (*listeners, error) {
	l := &listeners{}
	for address, listener := range map[*string]*net.Listener{
		&f.listenAddress: &l.api, &f.healthAddress: &l.health, &f.metricsAddress: &l.metrics,
	} {
		if address == &f.metricsAddress && *address == "0" {
			continue
		}
		opened, err := (&net.ListenConfig{}).Listen(ctx, "tcp", *address)
		if err != nil {
			return nil, errors.Join(err, l.close())
		}
		*listener = opened
	}
	return l, nil
}

// close closes what is open.
func (l *listeners) close() error {
	var errs []error
	for _, listener := range []net.Listener{l.api, l.health, l.metrics} {
		if listener != nil {
			errs = append(errs, listener.Close())
		}
	}
	return errors.Join(errs...)
}
