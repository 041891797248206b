package supervise

import "runtime"

// newSpawner returns a queue of functions that are run one by one on an operating system thread that lives
// as long as the process. A child with a parent death signal gets it when the thread that made it ends,
// and Go ends threads at times.
func newSpawner() chan<- func() {
	queue := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range queue {
			f()
		}
	}()
	return queue
}
