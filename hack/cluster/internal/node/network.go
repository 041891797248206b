package node

import (
	"fmt"
	"net"
	"os"

	"github.com/vishvananda/netlink"

	"github.com/berth-dev/berth/hack/cluster/internal/address"
)

// bridge is the interface that carries the node's address. Nothing is attached to it: the node's network
// has no way out.
const bridge = "node0"

// setUpNetwork gives a new network namespace its loopback, the node's address and a way to the Services.
func setUpNetwork() error {
	loopback, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(loopback); err != nil {
		return err
	}
	link := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: bridge}}
	if err := netlink.LinkAdd(link); err != nil {
		return fmt.Errorf("add interface %s: %w", bridge, err)
	}
	addr, err := netlink.ParseAddr(address.NodeCIDR)
	if err != nil {
		return err
	}
	if err := netlink.AddrAdd(link, addr); err != nil {
		return err
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return err
	}
	_, services, err := net.ParseCIDR(address.Services)
	if err != nil {
		return err
	}
	// kube-proxy rewrites a packet's destination only after it was routed, so even an address that no
	// interface has needs a route.
	route := &netlink.Route{LinkIndex: link.Index, Dst: services, Scope: netlink.SCOPE_LINK, Src: addr.IP}
	if err := netlink.RouteAdd(route); err != nil {
		return fmt.Errorf("route to Services: %w", err)
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0)
}
