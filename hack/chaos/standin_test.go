package chaos

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"maps"
	"math/big"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/controllers"
	"github.com/berth-dev/berth/internal/certificate"
)

// What no control plane has, played by a stand-in: kubelets, which say that Pods run, and cert-manager, which issues certificates.

const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// startStandIns plays kubelets and cert-manager until ctx ends.
func startStandIns(ctx context.Context, c *rest.Config) error {
	mgr, err := ctrl.NewManager(c, ctrl.Options{
		Scheme: controllers.Scheme(), Metrics: server.Options{BindAddress: "0"},
		Cache:      cache.Options{DefaultTransform: cache.TransformStripManagedFields()},
		Controller: config.Controller{SkipNameValidation: new(true), MaxConcurrentReconciles: 4},
	})
	if err != nil {
		return err
	}
	if suite.issuer, err = newIssuer(mgr.GetClient()); err != nil {
		return err
	}
	kubelet := reconcile.AsReconciler(mgr.GetClient(), kubelet{mgr.GetClient()})
	if err := ctrl.NewControllerManagedBy(mgr).Named("kubelet").For(&corev1.Pod{}).Complete(kubelet); err != nil {
		return err
	}
	manager := reconcile.AsReconciler(mgr.GetClient(), suite.issuer)
	if err := ctrl.NewControllerManagedBy(mgr).Named("issuer").For(&cmv1.Certificate{}).Complete(manager); err != nil {
		return err
	}
	started(ctx, "the stand-ins", mgr.Start)
	return nil
}

// kubelet says of every Pod that it runs and is ready.
type kubelet struct{ client client.Client }

func (k kubelet) Reconcile(ctx context.Context, pod *corev1.Pod) (reconcile.Result, error) {
	if !pod.DeletionTimestamp.IsZero() || pod.Status.Phase == corev1.PodRunning {
		return reconcile.Result{}, nil
	}
	now := metav1.Now()
	pod.Status = corev1.PodStatus{
		Phase:      corev1.PodRunning,
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: now}},
	}
	for _, c := range pod.Spec.Containers {
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: c.Name, Image: c.Image, ImageID: "registry.example.com/any@" + digest, Ready: true,
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}},
		})
	}
	return reconcile.Result{}, client.IgnoreNotFound(k.client.Status().Update(ctx, pod))
}

// issuer writes the Secret of every Certificate. All that it signs ends at the same time, so that what two runs made can be compared.
type issuer struct {
	client   client.Client
	key      crypto.Signer
	from, to time.Time
}

func newIssuer(c client.Client) (*issuer, error) {
	key, err := certificate.NewKey(certificate.ECDSA)
	from := time.Now().Truncate(time.Hour)
	return &issuer{client: c, key: key, from: from, to: from.Add(90 * 24 * time.Hour)}, err
}

func (i *issuer) Reconcile(ctx context.Context, c *cmv1.Certificate) (reconcile.Result, error) {
	if !c.DeletionTimestamp.IsZero() || isIssued(c) {
		return reconcile.Result{}, nil
	}
	if err := i.write(ctx, c); err != nil {
		return reconcile.Result{}, err
	}
	c.Status.NotAfter = new(metav1.NewTime(i.to))
	c.Status.Conditions = []cmv1.CertificateCondition{{
		Type: cmv1.CertificateConditionReady, Status: cmmeta.ConditionTrue, ObservedGeneration: c.Generation, LastTransitionTime: new(metav1.Now()),
	}}
	err := i.client.Status().Update(ctx, c)
	if apierrors.IsConflict(err) {
		return reconcile.Result{RequeueAfter: 20 * time.Millisecond}, nil
	}
	return reconcile.Result{}, client.IgnoreNotFound(err)
}

func isIssued(c *cmv1.Certificate) bool {
	for _, condition := range c.Status.Conditions {
		if condition.Type == cmv1.CertificateConditionReady {
			return condition.Status == cmmeta.ConditionTrue && condition.ObservedGeneration == c.Generation
		}
	}
	return false
}

// write writes the Secret of a Certificate.
func (i *issuer) write(ctx context.Context, c *cmv1.Certificate) error {
	chain, key, err := i.sign(c.Spec.DNSNames[0])
	if err != nil {
		return err
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: c.Namespace, Name: c.Spec.SecretName}}
	_, err = controllerutil.CreateOrUpdate(ctx, i.client, secret, func() error {
		if secret.Labels == nil {
			secret.Labels = map[string]string{}
		}
		maps.Copy(secret.Labels, c.Spec.SecretTemplate.Labels)
		metav1.SetMetaDataAnnotation(&secret.ObjectMeta, cmv1.CertificateNameKey, c.Name)
		secret.Type = corev1.SecretTypeTLS
		secret.Data = map[string][]byte{corev1.TLSCertKey: chain, corev1.TLSPrivateKeyKey: key}
		return nil
	})
	return err
}

// sign makes a certificate for a host that signs itself.
func (i *issuer) sign(host string) (chain, key []byte, err error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Chaos"}, DNSNames: []string{host}, NotBefore: i.from, NotAfter: i.to,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, i.key.Public(), i.key)
	if err != nil {
		return nil, nil, err
	}
	key, err = certificate.EncodeKey(i.key)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), key, err
}
