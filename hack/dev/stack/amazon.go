package stack

import (
	"fmt"

	"github.com/berth-dev/berth/internal/testing/testaws"
)

// ECRHost is a registry of the local AWS. It has what the cluster's own has, but lets nobody in without a token.
const ECRHost = "222222222222.dkr.ecr.eu-west-1.amazonaws.com"

// UsersHost is a registry beside it that isn't ECR. It has the same images, and lets in testaws.RegistryUser with the password.
const UsersHost = "registry.shop.test"

// The local AWS has these ports on the node, as its Service says: of STS and ECR, and of the registries.
const (
	amazonNodePort         = 30566
	amazonRegistryNodePort = 30567
	usersRegistryNodePort  = 30568
)

// Amazon is the local AWS, as the operator and its own Pod know it.
type Amazon struct {
	// Endpoint is where STS and ECR answer, in the cluster.
	Endpoint string
	// Upstream is the registry whose images its own has.
	Upstream string
	// AccessKeyID and SecretAccessKey are the platform's.
	AccessKeyID, SecretAccessKey string
}

// amazon returns the local AWS, or nil if none was asked for or there is no node for it.
func (s *Stack) amazon() *Amazon {
	if !s.opts.Amazon || s.Env.Mode != "node" {
		return nil
	}
	address := func(port int) string { return fmt.Sprintf("%s:%d", nodeIP, port) }
	return &Amazon{
		Endpoint:    "http://" + address(amazonNodePort),
		Upstream:    "http://" + address(registryPort),
		AccessKeyID: testaws.AccessKeyID, SecretAccessKey: testaws.SecretAccessKey,
	}
}

// amazonFlags are those of the cluster by which its registries are pulled from and the tests reach it.
func (o *Options) amazonFlags() []string {
	return []string{
		"--mirror", fmt.Sprintf("%s=%s:%d", ECRHost, nodeIP, amazonRegistryNodePort),
		"--mirror", fmt.Sprintf("%s=%s:%d", UsersHost, nodeIP, usersRegistryNodePort),
		"--forward", fmt.Sprintf("amazon=%s,%s:%d", o.listen("amazon"), nodeIP, amazonNodePort),
	}
}
