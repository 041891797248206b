package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/netip"
	"os"

	"github.com/berth-dev/berth/controllers"
	"github.com/berth-dev/berth/internal/policy"
	"github.com/berth-dev/berth/internal/version"
)

// registryFlags say how the registries of images are asked.
type registryFlags struct {
	ask      bool
	caFile   string
	networks []netip.Prefix
	mirrors  []controllers.Mirror
	// internal are those that every organization may pull from.
	internal []string
	// regions are those of AWS that are not known.
	regions []string
}

func (f *registryFlags) register(flags *flag.FlagSet) {
	flags.BoolVar(&f.ask, "ask-registries", true, "Ask the registry of an image which port it exposes, if its App names no port. Otherwise the port is 80.")
	flags.StringVar(&f.caFile, "registry-ca-file", "", "A `FILE` with certificates, PEM, that those of registries may be signed by in addition to the "+
		"system's. May be missing.")
	flags.Func("registry-allow-network", "A private network, `CIDR`, in which registries may be. Otherwise only those with public addresses are asked, and "+
		"none in a network of --deny-egress. May be given more than once, or as a list.", list(&f.networks, netip.ParsePrefix))
	flags.Func("internal-registry", "A `REGISTRY` at an IP address or an internal name, such as 10.1.2.3:5000, from which every organization may pull. "+
		"Otherwise, only those that are trusted or allow it by name may. May be given more than once, or as a list.", list(&f.internal, policy.ParseRegistry))
	flags.Func("ecr-region", "A `REGION` of AWS with registries of Amazon ECR, beside those that this version knows. May be given more than once, or as a "+
		"list.", list(&f.regions, controllers.ParseECRRegion))
	flags.Func("registry-mirror", "A registry and where it is asked instead, `HOST[:PORT]=URL`, such as registry.example.com:5000=http://10.1.2.3:5000: "+
		"over plain HTTP too, and at any address. May be given more than once, or as a list.", list(&f.mirrors, controllers.ParseMirror))
}

// options returns what the flags say; nil if registries are not to be asked.
func (f *registryFlags) options() (*controllers.Registries, error) {
	if !f.ask {
		return nil, nil //nolint:nilnil // As the option has it.
	}
	o := &controllers.Registries{Networks: f.networks, Mirrors: f.mirrors, UserAgent: "berth-operator/" + version.Of()}
	if f.caFile == "" {
		return o, nil
	}
	authorities, err := os.ReadFile(f.caFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the authorities of registries: %w", err)
	}
	o.Authorities = authorities
	return o, nil
}
