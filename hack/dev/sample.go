package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/template"
	"time"

	"github.com/berth-dev/berth/hack/dev/stack"
)

const sampleApp = "hello"

// deploySample makes the first App as a client would: with a POST to the facade.
func deploySample(ctx context.Context, s *stack.Stack) error {
	hc, err := s.HTTPClient()
	if err != nil {
		return err
	}
	body := fmt.Sprintf(`{"slug": %q, "location": "%s/sample:v1", "env": [{"name": "GREETING", "value": "Hello, world,"}]}`, sampleApp, s.Env.Registry)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Env.URL+"/api/containers/"+stack.Organization+"/apps/", strings.NewReader(body))
	if err != nil {
		return err
	}
	req.SetBasicAuth(s.Env.APIKey, "")
	req.Header.Set("Content-Type", "application/json")
	res, err := hc.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusCreated {
		return fmt.Errorf("deploy the sample: %s: %s", res.Status, answer)
	}
	if s.Env.Mode == "control-plane" {
		return nil // No Pod will ever run.
	}
	return s.WaitReady(ctx, stack.Organization, sampleApp, 2*time.Minute)
}

//go:embed welcome.txt.tmpl
var welcomeText string

var welcomeTemplate = template.Must(template.New("welcome").Parse(welcomeText))

// welcome is what a person wants to read next.
func welcome(s *stack.Stack) string {
	var b strings.Builder
	values := map[string]any{"Env": s.Env, "EnvFile": s.EnvFile(), "Organization": stack.Organization, "App": sampleApp}
	if err := welcomeTemplate.Execute(&b, values); err != nil {
		return err.Error()
	}
	return b.String()
}
