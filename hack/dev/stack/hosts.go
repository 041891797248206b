package stack

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// AddHost makes a name lead to the node for the cluster's DNS, which everything in the cluster asks; within a second it does.
func (s *Stack) AddHost(name string) error {
	if s.Env.Hosts == "" {
		return errors.New("there is no node whose DNS could know a name")
	}
	s.hosts.Lock()
	defer s.hosts.Unlock()
	return addHost(s.Env.Hosts, nodeIP, name)
}

// addHost adds a line to a file of hosts(5), unless the name is there. It is written at once: the DNS server may read at any time.
func addHost(path, ip, name string) error {
	text, err := os.ReadFile(path) //nolint:gosec // A file of the stack's cluster.
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 1 && slices.Contains(fields[1:], name) {
			return nil
		}
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0) //nolint:gosec // The same.
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = fmt.Fprintf(f, "%s %s\n", ip, name)
	return err
}
