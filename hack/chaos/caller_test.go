package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// again is after what time a client asks once more.
const again = 100 * time.Millisecond

// ledger is what a client was promised of one app.
type ledger struct {
	organization, slug string
	// exists says that the app was made, and not deleted since.
	exists bool
	// values are those that the app has to have, as the REST API shows them.
	values map[string]any
	// password is that of the app's login for its registry; empty if it has none.
	password string
	// versions is how many different versions there may have been of the app since it was made: one for each request that may have rolled it out.
	versions int
}

// caller is one that makes, changes, restarts and deletes one app after another, and does everything again until it is told that it is done.
type caller struct {
	doors  *doors
	key    string
	chance *rand.Rand
	app    *ledger
	// sent is how many requests it has sent, and made how many apps it was told are there.
	sent, made int
	// unsure is how many requests had an answer that doesn't say whether they were done.
	unsure *atomic.Int64
}

// work goes on until ctx ends; what it is at then, it finishes. It returns when it doesn't get to that.
func (c *caller) work(ctx context.Context) error {
	for number := 0; ctx.Err() == nil; number++ {
		if err := c.step(number); err != nil {
			return fmt.Errorf("%s/%s: %w", c.app.organization, c.app.slug, err)
		}
	}
	if !c.app.exists {
		return c.create(-1)
	}
	return nil
}

// step does one thing.
func (c *caller) step(number int) error {
	if !c.app.exists {
		return c.create(number)
	}
	switch c.chance.IntN(10) {
	case 0:
		return c.delete()
	case 1, 2:
		return c.restart()
	default:
		return c.put(c.change(number))
	}
}

// change is something that may change of the app.
func (c *caller) change(number int) map[string]any {
	switch c.chance.IntN(4) {
	case 0:
		return map[string]any{"location": fmt.Sprintf("registry.example.com/shop/web:v%d", number)}
	case 1:
		return map[string]any{"env": env(number)}
	case 2:
		return map[string]any{"dataset": []string{"production", "testing"}[c.chance.IntN(2)]}
	default:
		return map[string]any{"domain": fmt.Sprintf("v%d.%s.example.org", number, c.app.slug)}
	}
}

func env(number int) []any {
	return []any{map[string]any{"name": "A", "value": fmt.Sprint("a", number)}, map[string]any{"name": "B", "value": "b"}}
}

// create makes the app. One that was made by a request whose answer didn't arrive gets the same values once more, since it may be made by half.
func (c *caller) create(number int) error {
	body := map[string]any{"slug": c.app.slug, "location": fmt.Sprintf("registry.example.com/shop/web:v%d", number), "env": env(number), "dataset": "production"}
	if c.chance.IntN(2) == 0 {
		body["domain"] = c.app.slug + ".example.org"
	}
	login := map[string]any{"role_name": "", "external_id": ""}
	if c.chance.IntN(2) == 0 {
		login = map[string]any{"role_name": "ann", "external_id": fmt.Sprint("password", number)}
	}
	maps.Copy(body, login)
	c.app.versions = 0
	path := "/api/containers/" + c.app.organization + "/apps/"
	return c.until(func(int) (bool, error) {
		c.app.versions++
		status, said, err := c.call(http.MethodPost, path, body)
		switch {
		case err != nil:
			return false, err
		case status == http.StatusBadRequest: // An earlier attempt may have made it, or the facade doesn't know yet that an older one is gone.
			c.app.versions++
			status, said, err = c.call(http.MethodPut, path+c.app.slug+"/", body)
			if err != nil || status != http.StatusOK {
				return false, cmpError(err, status, said)
			}
		case status != http.StatusCreated:
			return false, fmt.Errorf("%d %s", status, said)
		}
		c.made++
		c.app.exists, c.app.values = true, body
		c.app.password, _ = body["external_id"].(string)
		for _, field := range []string{"slug", "external_id"} {
			delete(c.app.values, field)
		}
		return true, nil
	})
}

func cmpError(err error, status int, said string) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("%d %s", status, said)
}

// put changes the app.
func (c *caller) put(body map[string]any) error {
	return c.until(func(int) (bool, error) {
		c.app.versions++
		status, said, err := c.call(http.MethodPut, c.path(), body)
		if err != nil || status != http.StatusOK {
			return false, cmpError(err, status, said)
		}
		maps.Copy(c.app.values, body)
		return true, nil
	})
}

// restart restarts the app.
func (c *caller) restart() error {
	return c.until(func(int) (bool, error) {
		c.app.versions++
		status, said, err := c.call(http.MethodPost, c.path(), nil)
		return err == nil && status == http.StatusCreated, cmpError(err, status, said)
	})
}

// delete deletes the app. That there is none is what a second attempt hopes to hear, and a facade that lags behind says: only the API server
// knows.
func (c *caller) delete() error {
	return c.until(func(attempt int) (bool, error) {
		status, said, err := c.call(http.MethodDelete, c.path(), nil)
		if err == nil && status == http.StatusNotFound && attempt > 0 {
			key := client.ObjectKey{Namespace: c.app.organization, Name: c.app.slug}
			err = suite.api.Get(context.Background(), key, &v1alpha1.App{})
			c.app.exists = !apierrors.IsNotFound(err)
			return !c.app.exists, err
		}
		c.app.exists = err != nil || status != http.StatusNoContent
		return !c.app.exists, cmpError(err, status, said)
	})
}

func (c *caller) path() string {
	return "/api/containers/" + c.app.organization + "/apps/" + c.app.slug + "/"
}

// until asks again and again until it is done. Its end may be late, since what was begun is finished.
func (c *caller) until(ask func(attempt int) (done bool, err error)) error {
	var last error
	begun := time.Now()
	for attempt := 0; time.Since(begun) < patience; attempt++ {
		done, err := ask(attempt)
		if done {
			return nil
		}
		last = err
		c.unsure.Add(1)
		time.Sleep(again)
	}
	return fmt.Errorf("not done in %s: %w", patience, last)
}

// call sends a request to one of the facades, another one each time. The error says that no answer came.
func (c *caller) call(method, path string, body any) (status int, said string, err error) {
	c.sent++
	encoded := []byte{}
	if body != nil {
		if encoded, err = json.Marshal(body); err != nil {
			return 0, "", err
		}
	}
	request, err := http.NewRequest(method, c.doors.url(c.sent)+path, bytes.NewReader(encoded)) //nolint:noctx // The client has a timeout.
	if err != nil {
		return 0, "", err
	}
	request.SetBasicAuth(c.key, "")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.doors.client.Do(request)
	if err != nil {
		return 0, "", err
	}
	content, err := io.ReadAll(response.Body)
	return response.StatusCode, string(content), errors.Join(err, response.Body.Close())
}
