package main

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"

	"sigs.k8s.io/knftables"
)

// tableName is the table's name in nftables.
const tableName = "netpol"

// table is the one of nftables that the chains are written to. It is the program's own.
type table struct {
	nft knftables.Interface
	// written are the chains that it holds, if current; before the first write nobody knows what an earlier run left.
	written []chain
	current bool
}

func openTable() (*table, error) {
	nft, err := knftables.New(knftables.IPv4Family, tableName)
	return &table{nft: nft}, err
}

// write puts the chains in place of whatever the table holds, in one step, so that no packet passes between the old and the new ones.
func (t *table) write(ctx context.Context, chains []chain) error {
	if t.current && reflect.DeepEqual(t.written, chains) {
		return nil
	}
	tx := t.nft.NewTransaction()
	tx.Add(&knftables.Table{}) // Or there would be nothing to delete the first time.
	tx.Delete(&knftables.Table{})
	tx.Add(&knftables.Table{})
	for _, d := range []direction{ingress, egress} {
		tx.Add(&knftables.Map{Name: mapName(d), Type: "ipv4_addr : verdict"})
	}
	for _, c := range chains {
		addChain(tx, c)
	}
	// What goes to the node itself passes the input hook alone, and what the node sends neither.
	addHook(tx, knftables.ForwardHook, egress, ingress)
	addHook(tx, knftables.InputHook, egress)
	if err := t.nft.Run(ctx, tx); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	t.written, t.current = chains, true
	slog.Info("table written", "chains", len(chains))
	return nil
}

// addChain adds a chain, which returns what is allowed, and its entry in the map of its direction.
func addChain(tx *knftables.Transaction, c chain) {
	name := mapName(c.direction) + "-" + c.address
	tx.Add(&knftables.Chain{Name: name})
	for _, match := range c.allow {
		tx.Add(&knftables.Rule{Chain: name, Rule: both(match, "return")})
	}
	// An answer, so that whoever is not allowed learns it at once rather than by a timeout.
	tx.Add(&knftables.Rule{Chain: name, Rule: "reject with icmp type admin-prohibited"})
	tx.Add(&knftables.Element{Map: mapName(c.direction), Key: []string{c.address}, Value: []string{"jump " + name}})
}

// addHook has the first packet of each connection at a hook looked up by the Pod's address in each of the directions.
func addHook(tx *knftables.Transaction, hook knftables.BaseChainHook, directions ...direction) {
	tx.Add(&knftables.Chain{Name: string(hook), Type: new(knftables.FilterType), Hook: new(hook), Priority: new(knftables.FilterPriority)})
	tx.Add(&knftables.Rule{Chain: string(hook), Rule: "ct state established,related accept"})
	for _, d := range directions {
		tx.Add(&knftables.Rule{Chain: string(hook), Rule: "ip " + d.own + " vmap @" + mapName(d)})
	}
}

// mapName is the name of a direction's map of the Pods' addresses to their chains.
func mapName(d direction) string { return string(d.kind) }
