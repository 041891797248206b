package limit

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/semaphore"
)

// ErrFull says that too many of a caller's requests wait already.
var ErrFull = errors.New("too many requests wait for their turn")

// Queue lets some requests of each caller go on at the same time and some more wait for their turn. No caller waits for another one's.
type Queue struct {
	running, waiting int64

	mu     sync.Mutex
	queues map[string]*queue
}

// queue is that of one caller, with how many are in it.
type queue struct {
	turns *semaphore.Weighted
	users int64
}

// NewQueue makes a Queue in which so many requests of each caller run, and so many wait.
func NewQueue(running, waiting int64) *Queue {
	return &Queue{running: running, waiting: waiting, queues: map[string]*queue{}}
}

// Join waits for a caller's turn and returns what ends it. The error is ErrFull if too many wait already, or that of ctx if it ends before.
func (q *Queue) Join(ctx context.Context, who string) (leave func(), err error) {
	own, err := q.enter(who)
	if err != nil {
		return nil, err
	}
	if err := own.turns.Acquire(ctx, 1); err != nil {
		q.exit(who, own)
		return nil, err
	}
	return sync.OnceFunc(func() {
		own.turns.Release(1)
		q.exit(who, own)
	}), nil
}

func (q *Queue) enter(who string) (*queue, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	own := q.queues[who]
	if own == nil {
		own = &queue{turns: semaphore.NewWeighted(q.running)}
		q.queues[who] = own
	}
	if own.users >= q.running+q.waiting {
		return nil, ErrFull
	}
	own.users++
	return own, nil
}

func (q *Queue) exit(who string, own *queue) {
	q.mu.Lock()
	defer q.mu.Unlock()
	own.users--
	if own.users == 0 {
		delete(q.queues, who)
	}
}
