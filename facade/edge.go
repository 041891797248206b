package facade

import (
	"fmt"
	"net"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/berth-dev/berth/facade/internal/connlimit"
	"github.com/berth-dev/berth/facade/internal/limit"
	"github.com/berth-dev/berth/facade/internal/web"
	"github.com/berth-dev/berth/internal/host"
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

// publicURL reads the URL at which clients reach the server; nil if it is empty. A host in Unicode is written as DNS has it.
func publicURL(address string) (*url.URL, error) {
	name, err := host.OfURL(address)
	if name == "" || err != nil {
		return nil, err
	}
	public, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	if public.Scheme != "https" && public.Scheme != "http" {
		return nil, fmt.Errorf("the public URL %q is not one like https://berth.example.com", address)
	}
	if port := public.Port(); port != "" {
		name = net.JoinHostPort(name, port)
	}
	return &url.URL{Scheme: public.Scheme, Host: name, Path: public.Path}, nil
}

// linkPublicly has the links in answers lead to the public URL, if there is one.
func (s *Server) linkPublicly(c *gin.Context) {
	if s.publicURL != nil {
		c.Request = c.Request.WithContext(web.WithPublicURL(c.Request.Context(), s.publicURL))
	}
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
