// Command acmesolver answers one ACME HTTP-01 challenge: cert-manager's controller runs it in a pod, with
// these flags, behind an Ingress for the name that is to be proved.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/cert-manager/cert-manager/pkg/issuer/acme/http/solver"
	logf "github.com/cert-manager/cert-manager/pkg/logs"
)

func main() {
	logf.InitLogs()
	s := &solver.HTTP01Solver{}
	flag.IntVar(&s.ListenPort, "listen-port", 8089, "port to answer on")
	flag.StringVar(&s.Domain, "domain", "", "name that is to be proved")
	flag.StringVar(&s.Token, "token", "", "the challenge's token")
	flag.StringVar(&s.Key, "key", "", "the answer that the ACME server expects")
	flag.Parse()
	if err := s.Listen(logf.Log); err != nil {
		fmt.Fprintln(os.Stderr, "acmesolver:", err)
		os.Exit(1)
	}
}
