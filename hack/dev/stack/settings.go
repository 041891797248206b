package stack

import "strings"

// Settings are what has to be said to whatever else than the stack installs Berth into its cluster.
type Settings struct {
	// ImageRegistry is where the images operator and facade are, with their tags in ImageTags.
	ImageRegistry string
	ImageTags     map[string]string
	// Issuer is a ClusterIssuer, IngressClass that of the cluster's router, which sends requests from the addresses RouterNetworks.
	Issuer, IngressClass string
	RouterNetworks       []string
	// RegistryMirrors are where the operator asks the registries of the cluster.
	RegistryMirrors []string
	// InternalRegistries are those that every organization may pull from.
	InternalRegistries []string
	// FacadeNodePort is the port on the node that is reached at FacadeURL.
	FacadeNodePort int
	FacadeURL      string // Its host is localhost.
}

// Settings says them, of a stack with a node.
func (s *Stack) Settings() Settings {
	_, port, _ := strings.Cut(s.cluster.env["FORWARD_FACADE"], ":")
	return Settings{
		ImageRegistry: s.Env.Registry + "/berth", ImageTags: s.tags,
		Issuer: s.issuer(), IngressClass: s.ingressClass(), RouterNetworks: strings.Split(routerNetworks, ","),
		RegistryMirrors:    strings.Split(s.registryMirrors(), ","),
		InternalRegistries: strings.Split(s.internalRegistries(), ","),
		FacadeNodePort:     facadeNodePort, FacadeURL: "https://localhost:" + port,
	}
}
