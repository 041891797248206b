package fuzz

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/apikey"
)

// check says what is wrong with an answer.
func (f *fuzzer) check(r *request, sent *http.Request, response *http.Response, body []byte) error {
	status := response.StatusCode
	if status >= http.StatusInternalServerError {
		return fmt.Errorf("the answer is %d: %s", status, shortened(body))
	}
	method := r.method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	operation, _ := f.contract.Find(method, sent.URL)
	if operation == nil {
		return errors.Join(checkUnknown(status, body, r.method), checkSecrets(body, false))
	}
	f.count(operation.OperationId, status)
	shows := strings.HasSuffix(operation.OperationId, "App") || operation.OperationId == "listApps"
	if err := checkSecrets(body, shows && status < http.StatusBadRequest); err != nil && !slices.Contains(operation.Tags, "documentation") {
		return err // The documentation has an example of each.
	}
	if r.method == http.MethodHead {
		if _, documented := operation.Responses.Codes.Get(strconv.Itoa(status)); !documented || len(body) > 0 {
			return fmt.Errorf("HEAD answers %d with %d bytes", status, len(body))
		}
		return nil
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	if err := f.contract.CheckAnswer(sent, response); err != nil {
		return fmt.Errorf("%w\n%s", err, shortened(body))
	}
	return nil
}

func (f *fuzzer) count(operation string, status int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.answers[operation] == nil {
		f.answers[operation] = map[int]int{}
	}
	f.answers[operation][status]++
}

// checkUnknown says what is wrong with the answer to what the contract doesn't have.
func checkUnknown(status int, body []byte, method string) error {
	switch status {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusUnauthorized, http.StatusForbidden:
	default:
		return fmt.Errorf("what the contract doesn't have answers %d: %s", status, shortened(body))
	}
	var answer struct{ Detail string }
	if err := json.Unmarshal(body, &answer); method != http.MethodHead && (err != nil || answer.Detail == "") {
		return fmt.Errorf("the answer %d says no reason: %s", status, shortened(body))
	}
	return nil
}

// checkSecrets says which secret a text holds. What an answer shows of an app has its environment.
func checkSecrets(text []byte, shows bool) error {
	// A message may name the line that a key lacks. What follows that line, as it is or in JSON, is the key.
	secrets := []string{canary, apikey.Prefix, "PRIVATE KEY-----\n", `PRIVATE KEY-----\n`}
	if shows {
		secrets[0] = canaryLogin
	}
	for _, secret := range secrets {
		if at := bytes.Index(text, []byte(secret)); at >= 0 {
			return fmt.Errorf("a secret got out, after %q", text[max(0, at-200):at])
		}
	}
	return nil
}

func shortened(text []byte) string { return string(text[:min(len(text), 1000)]) }

// checkLog fails the test if the facade has logged a secret or a mistake of its own.
func checkLog(t *testing.T) {
	t.Helper()
	log := suite.log.String()
	if err := checkSecrets([]byte(log), false); err != nil {
		t.Errorf("the log: %v", err)
	}
	lines := bufio.NewScanner(strings.NewReader(log))
	lines.Buffer(nil, len(log)+1)
	for lines.Scan() {
		var line struct{ Level, Msg string }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Errorf("a line of the log is no JSON: %v", err)
		}
		if line.Level == "ERROR" || strings.Contains(line.Msg, "panic") {
			t.Errorf("the log: %s", shortened(lines.Bytes()))
		}
	}
}

// checkObjects fails the test if an App, a Domain or an event holds a secret.
func checkObjects(t *testing.T) {
	t.Helper()
	for _, list := range []client.ObjectList{&v1alpha1.AppList{}, &v1alpha1.DomainList{}, &corev1.EventList{}} {
		if err := suite.cluster.List(t.Context(), list); err != nil {
			t.Fatal(err)
		}
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(list)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkSecrets(fmt.Append(nil, content), false); err != nil {
			t.Errorf("%T: %v", list, err)
		}
	}
}
