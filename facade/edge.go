package facade

import (
	"net"
	"sync/atomic"
	"time"

	"github.com/berth-dev/berth/facade/internal/connlimit"
	"github.com/berth-dev/berth/facade/internal/limit"
)

// Edge bounds what a server spends on clients before it knows who they are. Several servers spend as many times more. The zero value is without
// bounds.
type Edge struct {
	// Connections is how many connections are open at most; 0 for any number. More wait until others are closed.
	Connections int
	// ConnectionsPerAddress is how many are open at most from one address, or one /64 of IPv6; 0 for any number. More are closed at once. It does
	// not apply to TrustedProxies.
	ConnectionsPerAddress int
	// AnonymousLines is how many lines a second the log has, in the long run, about requests without a valid API key and those of keys that are
	// used too often; 0 for any number. One caller gets a tenth of that.
	AnonymousLines float64
}

// tellRefused is how often the log tells of connections that were refused.
const tellRefused = time.Minute

// limitConnections bounds the connections of a listener.
func (s *Server) limitConnections(inner net.Listener) net.Listener {
	lines := limit.New(1/tellRefused.Seconds(), 1)
	var refused atomic.Int64
	return connlimit.Listen(inner, connlimit.Options{
		Total: s.options.Edge.Connections, PerAddress: s.options.Edge.ConnectionsPerAddress, Exempt: s.options.TrustedProxies,
		Opened: s.metrics.Connected,
		Refused: func(address string) {
			s.metrics.ConnectionRefused()
			refused.Add(1)
			if lines.Take("") == 0 {
				s.log.Warn("connections refused: too many are open from an address",
					"address", address, "limit", s.options.Edge.ConnectionsPerAddress, "count", refused.Swap(0))
			}
		},
	})
}
