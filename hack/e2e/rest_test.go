package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// restClient calls the facade as one organization's manager.
type restClient struct {
	organization, key string
	// answered is called with the header of each answer; may be nil.
	answered func(http.Header)
}

// app is what the facade says of an App.
type app struct {
	Slug       string `json:"slug"`
	Location   string `json:"location"`
	RoleName   string `json:"role_name"`
	Env        []env  `json:"env"`
	Dataset    string `json:"dataset"`
	ExternalID string `json:"external_id"`
	Domain     string `json:"domain"`
	FromEmail  string `json:"from_email"`
}

// domain is what the facade says of a Domain.
type domain struct {
	Slug           string `json:"slug"`
	Domain         string `json:"domain"`
	URL            string `json:"url"`
	SSLCertificate string `json:"ssl_certificate"`
	CertType       string `json:"cert_type"`
	FromEmail      string `json:"from_email"`
	State          string `json:"state"`
}

// refusal is an error's answer: in words, and for a field of the body under its name as well.
type refusal map[string]any

func (r refusal) detail() string { return fmt.Sprint(r["detail"]) }

type env struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// call makes one request below the organization's apps, as api does.
func (c *restClient) call(t *testing.T, method, path string, body any, status int, answer any) {
	t.Helper()
	c.api(t, method, "/containers/"+c.organization+"/apps/"+path, body, status, answer)
}

// callDomains makes one request below the organization's domains, as api does.
func (c *restClient) callDomains(t *testing.T, method, path string, body any, status int, answer any) {
	t.Helper()
	c.api(t, method, "/domains/"+c.organization+"/"+path, body, status, answer)
}

// api makes one request below /api, checks the status and decodes the answer, if one is asked for.
func (c *restClient) api(t *testing.T, method, path string, body any, status int, answer any) {
	t.Helper()
	got, data := c.send(t, method, path, body)
	if got != status {
		t.Fatalf("%s %s: status %d, want %d: %s", method, path, got, status, data)
	}
	if answer != nil {
		if err := json.Unmarshal(data, answer); err != nil {
			t.Fatalf("%s %s: %v in %s", method, path, err, data)
		}
	}
}

// send makes one request below /api, and returns the status and body of the answer.
func (c *restClient) send(t *testing.T, method, path string, body any) (status int, answer []byte) {
	t.Helper()
	status, answer, err := c.trySend(t, method, path, body)
	if err != nil {
		t.Fatal(err)
	}
	return status, answer
}

// trySend does the same where the way to the facade may break. A body is a form, nothing at all, or what JSON makes of it.
func (c *restClient) trySend(t *testing.T, method, path string, body any) (status int, answer []byte, err error) {
	t.Helper()
	var reader io.Reader = http.NoBody
	contentType := ""
	switch b := body.(type) {
	case nil:
	case url.Values:
		reader, contentType = strings.NewReader(b.Encode()), "application/x-www-form-urlencoded"
	default:
		data, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		reader, contentType = bytes.NewReader(data), "application/json"
	}
	req, err := http.NewRequestWithContext(t.Context(), method, berth.Env.URL+"/api"+path, reader)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(c.key, "")
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := httpClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	if c.answered != nil {
		c.answered(res.Header)
	}
	answer, err = io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}

// lists is a condition: the organization's apps are answered with a status.
func (c *restClient) lists(t *testing.T, want int) func() (bool, string) {
	t.Helper()
	return func() (bool, string) {
		status, _, err := c.trySend(t, http.MethodGet, "/containers/"+c.organization+"/apps/", nil)
		return err == nil && status == want, fmt.Sprint(status, " ", err)
	}
}

// logs returns the content of an App's logs.
func (c *restClient) logs(t *testing.T, slug string) string {
	t.Helper()
	var answer struct {
		Content string `json:"content"`
	}
	c.call(t, http.MethodGet, slug+"/logs/", nil, http.StatusOK, &answer)
	return answer.Content
}

// follow streams an App's logs, a line at a time, until the test ends.
func (c *restClient) follow(t *testing.T, slug string) <-chan string {
	t.Helper()
	address := berth.Env.URL + "/api/containers/" + c.organization + "/apps/" + slug + "/logs/?follow=true&tail=0"
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(c.key, "")
	res, err := httpClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	if res.StatusCode != http.StatusOK {
		t.Fatalf("follow: status %s", res.Status)
	}
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(res.Body); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	return lines
}

// hasLine reads the lines that have arrived until one has the word in it. A stream that has ended brings no more.
func hasLine(lines <-chan string, word string) bool {
	for {
		select {
		case line, ok := <-lines:
			if !ok || strings.Contains(line, word) {
				return ok
			}
		default:
			return false
		}
	}
}
