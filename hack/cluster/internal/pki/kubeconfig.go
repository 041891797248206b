package pki

import (
	_ "embed"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

//go:embed kubeconfig.yaml
var kubeconfigText string

var kubeconfig = template.Must(template.New("kubeconfig").Parse(kubeconfigText))

// WriteKubeconfig writes a kubeconfig to file, for the user of the certificate that was issued as name. It
// holds the certificates and the key themselves, so that it can be moved.
func (a *Authority) WriteKubeconfig(file, name, server string) error {
	data := map[string]string{"Server": server}
	for key, path := range map[string]string{
		"Authority":   a.File(),
		"Certificate": filepath.Join(a.dir, name+".crt"),
		"Key":         filepath.Join(a.dir, name+".key"),
	} {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		data[key] = base64.StdEncoding.EncodeToString(text)
	}
	var out strings.Builder
	if err := kubeconfig.Execute(&out, data); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(out.String()), 0o600)
}
