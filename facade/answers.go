package facade

import (
	"context"
	"math"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/translate"
	"github.com/berth-dev/berth/facade/internal/web"
)

const (
	// maxAnswers is how many bytes of answers of one organization are in memory at the same time, and allAnswers how many of all organizations. Clients
	// that read their answers slowly, or not at all, hold them for that time.
	maxAnswers = 16 << 20
	allAnswers = 48 << 20
	// answerOverhead is what an answer takes that has nothing in it.
	answerOverhead = 4 << 10
	// maxUnsent bounds the answers that are sent at the same time for an organization that is not trusted: so many bytes are encoded in 30 seconds,
	// so that each of the answers is complete before writeTimeout.
	maxUnsent = 30 * bytesPerSecond
	// patience is how long an answer waits, before anything of it is sent, for those of its organization that were sent before.
	patience = 10 * time.Second
	// chargedKey is where a request's context has how many bytes of its answer are charged to its organization.
	chargedKey = "berth.dev/charged"
)

// answer makes sure, before anything is sent, that an answer can be sent as a whole: it takes the memory for the largest item out of the share of the
// organization until the request ends, and waits for the organization's turn. The error is a 429. A write does so before it writes, since afterwards
// it has to be answered whatever there is left of the share.
func (s *shares) answer(c *gin.Context, largest, all int) error {
	ctx, organization := c.Request.Context(), c.Param("org")
	if err := s.reserve(ctx, organization, largest, all); err != nil {
		return err
	}
	return s.turn(ctx, organization, patience)
}

// reserve takes what an answer needs out of the share of its organization, until ctx ends.
func (s *shares) reserve(ctx context.Context, organization string, largest, all int) error {
	release, ok := s.answers.Take(organization, int64(answerOverhead+largest+min(all, web.HeldBack)), maxAnswers)
	if !ok {
		return apierr.Busy("Too many large answers are being sent to clients of the organization. Read answers to their end, and fewer at the same time.", busy)
	}
	context.AfterFunc(ctx, release)
	if s.unlimited(ctx, organization) {
		return nil
	}
	release, ok = s.unsent.Take(organization, min(int64(all), maxUnsent), maxUnsent)
	if !ok {
		return apierr.Busy("Too many large answers are being sent to clients of the organization. Ask for smaller pages, or for one after another.", busy)
	}
	context.AfterFunc(ctx, release)
	return nil
}

// turn waits until an organization has been sent no more than it may be within a time. The error is a 429 if that takes longer than most.
func (s *shares) turn(ctx context.Context, organization string, most time.Duration) error {
	if s.unlimited(ctx, organization) {
		return nil
	}
	for start := time.Now(); ; {
		wait := s.answered.Wait(organization, 2*bytesPerSecond, 2*time.Second)
		if wait == 0 {
			return nil
		}
		if wait > most-time.Since(start) {
			return apierr.Busy("Clients of the organization have read very much within a short time. Read less.", wait)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// charge counts for an organization what has been sent of an answer since it was last counted. Streams are bounded by their number.
func (s *shares) charge(c *gin.Context) {
	organization := c.Param("org")
	if web.Streamed(c) || s.unlimited(c.Request.Context(), organization) {
		return
	}
	sent := max(0, c.Writer.Size())
	s.answered.Charge(organization, int64(sent-c.GetInt(chargedKey)), 2*bytesPerSecond, 2*time.Second)
	c.Set(chargedKey, sent)
}

// shown is how something that is observed is answered.
type shown[T any] struct {
	// complete adds what is not kept in memory; nil if nothing is to be added. What was written is complete already.
	complete func(context.Context, translate.Observed) (translate.Observed, error)
	// size is about how many bytes it has in an answer. It doesn't have to be complete.
	size func(translate.Observed) int
	show func(translate.Observed) T
}

// completed returns what is observed with all that is shown of it.
func (s shown[T]) completed(ctx context.Context, observed translate.Observed) (translate.Observed, error) {
	if s.complete == nil {
		return observed, nil
	}
	return s.complete(ctx, observed)
}

// pageOf answers with a page of what is observed, each of which is encoded when it is the organization's turn.
func pageOf[T any](c *gin.Context, s *shares, how shown[T], request web.PageRequest, total int, observed []translate.Observed) (any, error) {
	largest, all := 0, 0
	for i := range observed {
		size := how.size(observed[i])
		largest, all = max(largest, size), all+size
	}
	if err := s.answer(c, largest, all); err != nil {
		return nil, err
	}
	return web.EncodePage(request, total, func(yield func(T, error) bool) {
		for i := range observed {
			if err := s.turn(c.Request.Context(), c.Param("org"), math.MaxInt64); err != nil {
				var none T
				yield(none, err)
				return
			}
			whole, err := how.completed(c.Request.Context(), observed[i])
			if err != nil && apierr.From(err).Status == http.StatusNotFound {
				continue // It is gone since the page was put together.
			}
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			if !yield(how.show(whole), nil) {
				return
			}
			s.charge(c)
		}
	}), nil
}

// read answers a call that has changed nothing with what is observed.
func read[T any](c *gin.Context, s *shares, how shown[T], observed translate.Observed, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	size := how.size(observed)
	if err := s.answer(c, size, size); err != nil {
		return nil, err
	}
	observed, err = how.completed(c.Request.Context(), observed)
	return written(how, observed, err)
}

// written answers a write, for which answer has been called before.
func written[T any](how shown[T], observed translate.Observed, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return web.Encode(how.show(observed)), nil
}

// beforeWrite makes sure that a write of what may be observed already can be answered. Of what the client sends, countedBody has taken the memory.
func beforeWrite[T any](c *gin.Context, s *shares, how shown[T], observed translate.Observed, err error) error {
	size := 0
	if err == nil { // What the cache doesn't know yet is small.
		size = how.size(observed)
	}
	return s.answer(c, size, size)
}
