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

	"k8s.io/apimachinery/pkg/types"
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
	versions int64
	// restarted is when the last restart was asked for that the client was told of; zero if none was.
	restarted time.Time
	// deleted is which App the last one was that was made and deleted.
	deleted types.UID
}

// key is where the App is.
func (l *ledger) key() client.ObjectKey {
	return client.ObjectKey{Namespace: l.organization, Name: l.slug}
}

// caller is one that makes, changes, restarts and deletes one app after another, and does everything again until it is told that it is done.
type caller struct {
	doors  *doors
	key    string
	chance *rand.Rand
	app    *ledger
	// sent is how many requests it has sent, answered how many of them were, and made how many apps it was told are there.
	sent, answered, made int
	// lost are promises that weren't kept, as far as the client itself has seen that.
	lost []string
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
	c.app.versions, c.app.restarted = 0, time.Time{}
	path := "/api/containers/" + c.app.organization + "/apps/"
	return c.until(func(attempt int) (bool, error) {
		c.app.versions++ // Once for both requests: one that is told that the app is there has changed nothing.
		status, said, err := c.call(http.MethodPost, path, body)
		switch {
		case err != nil:
			return false, err
		case status == http.StatusBadRequest: // An earlier attempt may have made it, or the facade doesn't know yet that an older one is gone.
			status, said, err = c.call(http.MethodPut, c.path(), body)
			if err != nil || status != http.StatusOK {
				return false, failure(err, status, said)
			}
			if attempt == 0 && c.app.deleted != "" {
				if err := c.checkDeleted(); err != nil {
					return false, err
				}
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

// failure is what went wrong with a request that wasn't answered as it should be.
func failure(err error, status int, said string) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("%d %s", status, said)
}

// checkDeleted says that an app is lost whose deletion was promised, if it is the one that a new request finds there.
func (c *caller) checkDeleted() error {
	app := &v1alpha1.App{}
	err := suite.api.Get(context.Background(), c.app.key(), app)
	if err == nil && app.UID == c.app.deleted {
		c.lost = append(c.lost, "the App was deleted, and is still there")
	}
	return client.IgnoreNotFound(err)
}

// put changes the app. Neither its dataset nor its domain concerns the Pods.
func (c *caller) put(body map[string]any) error {
	return c.until(func(int) (bool, error) {
		if body["location"] != nil || body["env"] != nil {
			c.app.versions++
		}
		status, said, err := c.call(http.MethodPut, c.path(), body)
		if err != nil || status != http.StatusOK {
			return false, failure(err, status, said)
		}
		maps.Copy(c.app.values, body)
		return true, nil
	})
}

// restart restarts the app.
func (c *caller) restart() error {
	return c.until(func(int) (bool, error) {
		c.app.versions++
		begun := time.Now()
		status, said, err := c.call(http.MethodPost, c.path(), nil)
		if err != nil || status != http.StatusCreated {
			return false, failure(err, status, said)
		}
		c.app.restarted = begun
		return true, nil
	})
}

// delete deletes the app. That there is none is what a second attempt hopes to hear, and a facade that lags behind says: only the API server
// knows. If it is gone before any attempt may have deleted it, it is lost.
func (c *caller) delete() error {
	asked := false
	return c.until(func(int) (bool, error) {
		app := &v1alpha1.App{}
		err := suite.api.Get(context.Background(), c.app.key(), app)
		if client.IgnoreNotFound(err) != nil {
			return false, err
		}
		if err != nil {
			if !asked {
				c.lost = append(c.lost, "the App was made, and is gone though nobody has deleted it")
			}
			c.app.exists = false
			return true, nil
		}
		c.app.deleted = app.UID
		status, said, err := c.call(http.MethodDelete, c.path(), nil)
		asked = asked || status != http.StatusNotFound
		c.app.exists = err != nil || status != http.StatusNoContent
		return !c.app.exists, failure(err, status, said)
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
	if err == nil {
		c.answered++
	}
	return response.StatusCode, string(content), errors.Join(err, response.Body.Close())
}
