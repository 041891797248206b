// Package cache says what the informer caches hold: of each kind no more than the controllers compare and report, and nothing secret.
package cache

import (
	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmv1ac "github.com/cert-manager/cert-manager/pkg/client/applyconfigurations/certmanager/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"
	rbacv1ac "k8s.io/client-go/applyconfigurations/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	apiac "github.com/berth-dev/berth/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/informer"
	"github.com/berth-dev/berth/controllers/internal/objects"
	"github.com/berth-dev/berth/internal/secretcache"
)

// Options say what the controllers keep in memory: of their own objects what they compare and report, of others' next to nothing.
// For Secrets and for what has Pod templates, InOrganizations does.
//
// Deployments, Services, Certificates, Ingresses and what organizations have are watched without a selector, since one of somebody else's
// may have the name that an App or an organization needs. Thus this is known without asking the API server for each new one, and it is
// woken when that object goes. Ingresses are watched in all Namespaces because a host that one of the platform routes is reserved; those of the other
// kinds that are hold no secrets.
func Options() cache.Options {
	o := cache.Options{
		DefaultTransform: keepOurFields,
		NewInformer:      informer.New,
		ByObject: map[client.Object]cache.ByObject{
			&v1alpha1.App{}:               {Transform: keepWhole(apiac.ExtractAppStatus)},
			&v1alpha1.Domain{}:            {Transform: keepWhole(apiac.ExtractDomainStatus)},
			&v1alpha1.Organization{}:      {Transform: keepWhole(apiac.ExtractOrganizationStatus)},
			&corev1.Service{}:             {Transform: keepOfService},
			&cmv1.Certificate{}:           {Transform: keepOurs(cmv1ac.ExtractCertificate, keepOfCertificate)},
			&networkingv1.Ingress{}:       {Transform: keepOfAnyIngress},
			&rbacv1.RoleBinding{}:         {Transform: keepOurs(rbacv1ac.ExtractRoleBinding, nothing)},
			&networkingv1.NetworkPolicy{}: {Transform: keepOurs(networkingv1ac.ExtractNetworkPolicy, nothing)},
			&corev1.LimitRange{}:          {Transform: keepOurs(corev1ac.ExtractLimitRange, nothing)},
			&corev1.ResourceQuota{}:       {Transform: keepOurs(corev1ac.ExtractResourceQuota, keepOfQuota)},
			&corev1.Node{}:                {Transform: KeepOfNode},
			&discoveryv1.EndpointSlice{}: {Namespaces: map[string]cache.Config{
				metav1.NamespaceDefault: {LabelSelector: having(discoveryv1.LabelServiceName, objects.APIServer)},
			}},
			&corev1.Namespace{}: {Transform: keepOfNamespace},
		},
	}
	for _, kind := range IssuingKinds() {
		o.ByObject[kind] = cache.ByObject{Transform: keepOfIssuing}
	}
	return o
}

// InOrganizations says what the controllers read in organizations alone, and keep of it. Of Secrets, they keep those that are for Apps and Domains, and of
// these nothing secret. Pods, ReplicaSets and Deployments may have passwords in the literals of their environments: who may list them in the whole cluster
// may read those of the cluster's own parts. No environment of them is kept.
func InOrganizations() secretcache.Options {
	return secretcache.Options{
		Labels: having(v1alpha1.LabelSecret,
			v1alpha1.SecretEnv, v1alpha1.SecretTLS, v1alpha1.SecretCertificate, v1alpha1.SecretMailPassword,
			v1alpha1.SecretRegistry, v1alpha1.SecretPull),
		Transform: keepOfSecret,
		Others: []secretcache.Kind{
			{Object: &appsv1.Deployment{}, Labels: labels.Everything(), Transform: keepDeployment},
			{Object: &appsv1.ReplicaSet{}, Labels: having(v1alpha1.LabelApp), Transform: keepOfReplicaSet},
			{Object: &corev1.Pod{}, Labels: having(v1alpha1.LabelApp), Transform: KeepOfPod},
		},
	}
}

// having selects by a label that has one of the values, or any value if none is given.
func having(label string, values ...string) labels.Selector {
	op := selection.Exists
	if len(values) > 0 {
		op = selection.In
	}
	requirement, err := labels.NewRequirement(label, op, values)
	utilruntime.Must(err)
	return labels.NewSelector().Add(*requirement)
}
