package main

import (
	"context"
	"os"
	"runtime/debug"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// How much garbage may be there before it is collected, in percent of what is in use. Nearly all that the operator holds are its caches, which
// stay: with Go's 100 percent, it would take twice their size.
const (
	// garbageFilling is for when the caches are filled, or kept by a replica that waits to lead: most of what is read then is garbage at once, and
	// memory that it has taken isn't given back for long.
	garbageFilling = 30
	// garbageWorking is for afterwards.
	garbageWorking = 50
)

// limitGarbage bounds the garbage of an operator that is about to start, unless the variable GOGC does.
func limitGarbage(mgr ctrl.Manager) error {
	if _, ok := os.LookupEnv("GOGC"); ok {
		return nil
	}
	debug.SetGCPercent(garbageFilling)
	return mgr.Add(allowGarbage(mgr.GetCache())) // It runs once this replica leads.
}

// allowGarbage allows what a working operator may have once caches are full.
func allowGarbage(caches cache.Cache) manager.RunnableFunc {
	return func(ctx context.Context) error {
		if caches.WaitForCacheSync(ctx) {
			debug.SetGCPercent(garbageWorking)
		}
		return nil
	}
}
