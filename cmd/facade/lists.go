package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// port is a flag that holds the number of a port, or 0, which may be written as nothing.
type port int32

func (p *port) String() string { return fmt.Sprint(int32(*p)) }

func (p *port) Set(text string) error {
	number, err := strconv.ParseUint(cmp.Or(text, "0"), 10, 16)
	if err != nil {
		return errors.New("a port is a number from 0 to 65535")
	}
	*p = port(number)
	return nil
}

// ports is a flag that holds numbers of ports and can be repeated.
type ports []uint16

func (p *ports) String() string { return strings.Trim(fmt.Sprint([]uint16(*p)), "[]") }

func (p *ports) Set(text string) error {
	for one := range strings.SplitSeq(text, ",") {
		if one = strings.TrimSpace(one); one == "" {
			continue
		}
		number, err := strconv.ParseUint(one, 10, 16)
		if err != nil || number == 0 {
			return errors.New("a port is a number from 1 to 65535")
		}
		*p = append(*p, uint16(number))
	}
	return nil
}

// networks is a flag that holds IP networks and can be repeated.
type networks []netip.Prefix

func (n *networks) String() string { return strings.Trim(fmt.Sprint([]netip.Prefix(*n)), "[]") }

func (n *networks) Set(text string) error {
	for one := range strings.SplitSeq(text, ",") {
		if one = strings.TrimSpace(one); one == "" {
			continue
		}
		network, err := netip.ParsePrefix(one)
		if err != nil {
			return err
		}
		*n = append(*n, network.Masked())
	}
	return nil
}
