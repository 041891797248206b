// Package existing tests what the chart finds in the cluster that it is installed into, on a real API server.
package existing
