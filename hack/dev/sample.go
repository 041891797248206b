package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/template"
	"time"

	"github.com/berth-dev/berth/hack/dev/stack"
)

const sampleApp = "hello"

// deploySample makes the first App as a client would: with a POST to the facade. In a cluster that has it already, it is restarted.
func deploySample(ctx context.Context, s *stack.Stack) error {
	body := fmt.Sprintf(`{"slug": %q, "location": %q, "env": [{"name": "GREETING", "value": "Hello, world,"}]}`, sampleApp, s.Image("sample:v1"))
	status, _, err := call(ctx, s, http.MethodGet, sampleApp+"/", "")
	if err != nil {
		return err
	}
	path := ""
	if status == http.StatusOK {
		path = sampleApp + "/"
	}
	status, answer, err := call(ctx, s, http.MethodPost, path, body)
	if err != nil {
		return err
	}
	if status != http.StatusCreated {
		return fmt.Errorf("deploy the sample: status %d: %s", status, answer)
	}
	if s.Env.Mode == "control-plane" {
		return nil // No Pod will ever run.
	}
	if s.Env.Mode == "existing" {
		return s.WaitReady(ctx, stack.Organization, sampleApp, 2*time.Minute) // Who signs the certificates there is not known here.
	}
	// It answers before it is Ready, which a Pod has to have run for a while for.
	err = s.WaitForStatus(ctx, "https://"+sampleApp+"."+s.Env.BaseDomain+"/", http.StatusOK)
	if err != nil {
		err = errors.Join(err, s.WaitReady(ctx, stack.Organization, sampleApp, time.Second)) // Its conditions tell why.
	}
	return err
}

// call makes one request below the organization's apps.
func call(ctx context.Context, s *stack.Stack, method, path, body string) (status int, answer []byte, err error) {
	hc, err := s.HTTPClient()
	if err != nil {
		return 0, nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, s.Env.URL+"/api/containers/"+stack.Organization+"/apps/"+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.SetBasicAuth("", s.Env.APIKey)
	req.Header.Set("Content-Type", "application/json")
	res, err := hc.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}

//go:embed welcome.txt.tmpl
var welcomeText string

var welcomeTemplate = template.Must(template.New("welcome").Parse(welcomeText))

// welcome is what a person wants to read next.
func welcome(s *stack.Stack) string {
	var b strings.Builder
	values := map[string]any{
		"Env": s.Env, "EnvFile": s.EnvFile(), "Organization": stack.Organization, "App": sampleApp, "Next": s.Image("sample:v2"), "People": stack.People(),
	}
	if i := s.Identity(); i != nil {
		values["IdentityCA"] = i.CA
	}
	if err := welcomeTemplate.Execute(&b, values); err != nil {
		return err.Error()
	}
	return b.String()
}
