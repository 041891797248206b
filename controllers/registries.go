package controllers

import (
	"github.com/berth-dev/berth/controllers/internal/ecr"
	"github.com/berth-dev/berth/controllers/internal/image"
)

// Registries say how the registries of images are asked.
type Registries = image.Options

// Mirror is where a registry is asked in place of its own host.
type Mirror = image.Mirror

// ParseMirror reads a Mirror, HOST[:PORT]=URL.
func ParseMirror(text string) (Mirror, error) { return image.ParseMirror(text) }

// ParseECRRegion reads the name of a region of AWS.
func ParseECRRegion(text string) (string, error) { return ecr.ParseRegion(text) }
