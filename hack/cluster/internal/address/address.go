// Package address holds the addresses inside a cluster. Every cluster has a network of its own, so they
// are the same for all.
package address

// Addresses of the one node and what is on it.
const (
	// Node is the node's own address, where everything on it listens.
	Node = "10.200.0.1"
	// NodeCIDR is the node's address with the length of its network.
	NodeCIDR = Node + "/24"
	// Pods is the network of the pods, NodePods the node's part of it.
	Pods     = "10.244.0.0/16"
	NodePods = "10.244.0.0/24"
	// Services is the network of the Services' cluster IPs.
	Services = "10.96.0.0/16"
	// APIService is the cluster IP of the Service kubernetes: the first of Services.
	APIService = "10.96.0.1"
	// Registry is where the image registry listens inside the node's network.
	Registry = Node + ":5000"
	// API is where the API server listens inside the node's network.
	API = Node + ":6443"
	// HTTP and HTTPS are the ingress controller's entry points inside the node's network.
	HTTP  = Node + ":80"
	HTTPS = Node + ":443"
	// DNS is where the DNS server listens inside the node's network.
	DNS = Node + ":53"
	// ACME is where the ACME server answers its clients. ACMEManagement gives its keys to whoever asks, so it
	// is out of the pods' reach.
	ACME           = Node + ":14000"
	ACMEManagement = Loopback + ":15000"
	// Submission and Submissions are where the mail server listens inside the node's network: TLS begins with
	// STARTTLS at the one, at once at the other.
	Submission  = Node + ":587"
	Submissions = Node + ":465"
	// Source is where Flux's Git server and artifacts are inside the node's network.
	Source = Node + ":9080"
	// Identity is the host name of the identity provider, for pods as for browsers: the cluster's DNS says the node's address, and browsers
	// take every name below localhost for loopback.
	Identity = "dex.localhost"
	// Loopback is where a cluster without a node listens.
	Loopback = "127.0.0.1"
)

// NodeName is the name of the Node object, and the node's host name.
const NodeName = "node1"

// Domain is the DNS domain of the cluster's Services.
const Domain = "cluster.local"
