package web

import (
	"bytes"
	"context"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/wire"
)

const (
	defaultPageSize = 25
	maxPageSize     = 100
)

// PageRequest is the page of a list that a client asks for.
type PageRequest struct {
	// number counts from 1; 0 is the last page.
	number int
	// size is how many items a page has.
	size int
	// url is what was asked for, absolute.
	url url.URL
}

// ParsePage reads ?page= (a number from 1, or "last"; default: 1) and ?page_size= (1 to 100; default, also for anything that isn't such a
// number: 25). The error is the 404 of a page that there can't be.
func ParsePage(r *http.Request) (PageRequest, error) {
	request := PageRequest{number: 1, size: defaultPageSize, url: publicURL(r)}
	query := r.URL.Query()
	if size, err := strconv.Atoi(query.Get("page_size")); err == nil && size > 0 {
		request.size = min(size, maxPageSize)
	}
	switch page := query.Get("page"); page {
	case "":
	case "last":
		request.number = 0
	default:
		number, err := strconv.Atoi(page)
		if err != nil || number < 1 {
			return PageRequest{}, apierr.InvalidPage()
		}
		request.number = number
	}
	return request, nil
}

// publicKey is where the context of a request has the URL at which clients reach the server.
type publicKey struct{}

// WithPublicURL returns a context for a request whose links lead to this URL, rather than to the host that the request names.
func WithPublicURL(ctx context.Context, public *url.URL) context.Context {
	return context.WithValue(ctx, publicKey{}, public)
}

// publicURL is the absolute URL of a request. What it names as its host is text of the client's.
func publicURL(r *http.Request) url.URL {
	asked := *r.URL
	asked.Scheme, asked.Host = "https", r.Host
	if public, ok := r.Context().Value(publicKey{}).(*url.URL); ok && public != nil {
		asked.Scheme, asked.Host = public.Scheme, public.Host
		prefix := strings.TrimSuffix(public.Path, "/")
		asked.Path, asked.RawPath = prefix+asked.Path, ""
	}
	return asked
}

// Window returns which of total items the page shows, from the first to the one before end. The error is the 404 of a page out of range;
// page 1 is always there.
func (p PageRequest) Window(total int) (first, end int, err error) {
	number := p.numberOf(total)
	if number > p.pages(total) {
		return 0, 0, apierr.InvalidPage()
	}
	first = (number - 1) * p.size
	return first, min(first+p.size, total), nil
}

func (p PageRequest) pages(total int) int { return max(1, (total+p.size-1)/p.size) }

func (p PageRequest) numberOf(total int) int {
	if p.number == 0 {
		return p.pages(total)
	}
	return p.number
}

// Page wraps the results of a page, out of total.
func Page[T any](p PageRequest, total int, results []T) wire.Page[T] {
	page := wire.Page[T]{Count: total, Results: results}
	number := p.numberOf(total)
	if number < p.pages(total) {
		page.Next = p.link(number + 1)
	}
	if number > 1 {
		page.Previous = p.link(number - 1)
	}
	return page
}

// Encode returns the answer with a value.
func Encode(value any) JSON {
	return func(write io.Writer) error { return newEncoder(write).Encode(value) }
}

// EncodePage returns the answer with a page. Its results are encoded one after another, so that a page takes the memory of its largest item, however
// much is on it.
func EncodePage[T any](p PageRequest, total int, results iter.Seq2[T, error]) JSON {
	return func(write io.Writer) error {
		const end = "]}\n"
		var frame bytes.Buffer
		if err := newEncoder(&frame).Encode(Page(p, total, []T{})); err != nil {
			return err
		}
		before := frame.Bytes()[:frame.Len()-len(end)]
		encoder := newEncoder(write)
		for result, err := range results {
			if err != nil {
				return err
			}
			if _, err := write.Write(before); err != nil {
				return err
			}
			if err := encoder.Encode(result); err != nil {
				return err
			}
			before = []byte(",")
		}
		if before[0] == '{' { // There was none.
			if _, err := write.Write(before); err != nil {
				return err
			}
		}
		_, err := io.WriteString(write, end)
		return err
	}
}

// link returns the absolute URL of another page of the same list; page 1 goes without its number.
func (p PageRequest) link(number int) *string {
	query := p.url.Query()
	query.Del("page")
	if number > 1 {
		query.Set("page", strconv.Itoa(number))
	}
	p.url.RawQuery = query.Encode()
	return new(p.url.String())
}
