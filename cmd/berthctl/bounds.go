package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/resourcelist"
)

// bounds are what an organization and its containers may use, as flags say it.
type bounds struct {
	quota, requests, limits string
}

func (b *bounds) addTo(flags *pflag.FlagSet) {
	flags.StringVar(&b.quota, "quota", "", `how much the organization may use, such as "requests.cpu=4,requests.memory=8Gi,pods=50"; `+
		`a resource that is not named has the platform's default, or no bound with --trusted`)
	flags.StringVar(&b.requests, "default-requests", "", `what a container asks for that doesn't say so, such as "cpu=50m,memory=64Mi"`)
	flags.StringVar(&b.limits, "default-limits", "", `what a container is limited to that doesn't say so, such as "memory=512Mi"`)
}

// fill sets the fields of a spec, once the API server has validated them, which knows which resources exist. It creates nothing: a namespace
// that exists, Berth's own, stands for that of the organization.
func (b *bounds) fill(cmd *cobra.Command, c client.Client, namespace string, spec *v1alpha1.OrganizationSpec) error {
	quota, requests, limits, err := b.parse()
	if err != nil {
		return err
	}
	spec.Quota, spec.DefaultRequests, spec.DefaultLimits = quota, requests, limits
	meta := metav1.ObjectMeta{GenerateName: "berthctl-", Namespace: namespace}
	if len(quota) > 0 {
		o := &corev1.ResourceQuota{ObjectMeta: meta, Spec: corev1.ResourceQuotaSpec{Hard: quota}}
		if err := c.Create(cmd.Context(), o, client.DryRunAll); err != nil {
			return fmt.Errorf("--quota: %w", err)
		}
	}
	if len(requests)+len(limits) > 0 {
		item := corev1.LimitRangeItem{Type: corev1.LimitTypeContainer, DefaultRequest: requests, Default: limits}
		o := &corev1.LimitRange{ObjectMeta: meta, Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{item}}}
		if err := c.Create(cmd.Context(), o, client.DryRunAll); err != nil {
			return fmt.Errorf("--default-requests or --default-limits: %w", err)
		}
	}
	return nil
}

func (b *bounds) parse() (quota, requests, limits corev1.ResourceList, err error) {
	for flag, part := range map[string]struct {
		text string
		list *corev1.ResourceList
	}{"quota": {b.quota, &quota}, "default-requests": {b.requests, &requests}, "default-limits": {b.limits, &limits}} {
		if *part.list, err = resourcelist.Parse(part.text); err != nil {
			return nil, nil, nil, fmt.Errorf("--%s: %w", flag, err)
		}
	}
	return quota, requests, limits, nil
}
