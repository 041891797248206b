package existing

import (
	"cmp"
	"context"
	"slices"

	certmanagerv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/api/meta"
)

// findIssuer takes the only ClusterIssuer that is ready.
func (f *finder) findIssuer(ctx context.Context) error {
	var list certmanagerv1.ClusterIssuerList
	if err := f.Client.List(ctx, &list); meta.IsNoMatchError(err) {
		f.noCertManager()
		return nil
	} else if err != nil {
		return err
	}
	var ready, waiting []string
	for i := range list.Items {
		if isReady(&list.Items[i]) {
			ready = append(ready, list.Items[i].Name)
		} else {
			waiting = append(waiting, list.Items[i].Name)
		}
	}
	switch given := f.settings.Issuer; {
	case given != "":
		if all := slices.Concat(ready, waiting); !slices.Contains(all, given) {
			f.problem("There is no ClusterIssuer " + given + ". The cluster has " + cmp.Or(listed(all), "none") + ": choose one by ISSUER=NAME, or make it.")
		}
	case len(ready) == 1:
		f.settings.Issuer = ready[0]
	case len(ready) > 1:
		f.problem("The cluster has several ClusterIssuers: " + listed(ready) + ". Choose one by ISSUER=NAME.")
	case len(waiting) > 0:
		f.problem("No ClusterIssuer is ready: "+listed(waiting)+". See why, or choose one by ISSUER=NAME:",
			"kubectl describe clusterissuers --kubeconfig "+f.Kubeconfig)
	default:
		f.problem("The cluster has no ClusterIssuer. Make one, such as one that signs each certificate by itself:", f.issuerCommand())
	}
	return nil
}

// noCertManager tells how to install cert-manager and, unless one was given, a ClusterIssuer.
func (f *finder) noCertManager() {
	if given := f.settings.Issuer; given != "" {
		f.problem("The cluster has no cert-manager, and so no ClusterIssuer "+given+". Install it, and make that ClusterIssuer:", f.certManagerCommand())
		return
	}
	f.problem("The cluster has no cert-manager. Install it, and a ClusterIssuer, such as one that signs each certificate by itself:",
		f.certManagerCommand(), f.issuerCommand())
}

func isReady(issuer *certmanagerv1.ClusterIssuer) bool {
	return slices.ContainsFunc(issuer.Status.Conditions, func(c certmanagerv1.IssuerCondition) bool {
		return c.Type == certmanagerv1.IssuerConditionReady && c.Status == cmmeta.ConditionTrue
	})
}

func (f *finder) certManagerCommand() string {
	return "helm upgrade --install cert-manager --repo https://charts.jetstack.io cert-manager --namespace cert-manager --create-namespace " +
		"--set crds.enabled=true --wait --kubeconfig " + f.Kubeconfig
}

func (f *finder) issuerCommand() string {
	return `echo '{"apiVersion": "cert-manager.io/v1", "kind": "ClusterIssuer", "metadata": {"name": "self-signed"}, "spec": {"selfSigned": {}}}' | ` +
		"kubectl apply -f - --kubeconfig " + f.Kubeconfig
}
