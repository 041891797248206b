// Package ecs replaces Traefik's package of this name, which imports the SDK of EC2. The cluster has no ECS.
package ecs

import (
	"errors"

	"github.com/traefik/traefik/v3/pkg/config/dynamic"
	"github.com/traefik/traefik/v3/pkg/safe"
)

// Provider has no settings.
type Provider struct{}

// SetDefaults does nothing.
func (*Provider) SetDefaults() {}

// Init returns an error.
func (*Provider) Init() error { return errors.New("this Traefik is built without the provider ECS") }

// Provide does nothing.
func (*Provider) Provide(chan<- dynamic.Message, *safe.Pool) error { return nil }
