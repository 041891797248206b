package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/names"
)

// organizationDetails are an organization as `org show -o json` prints it.
type organizationDetails struct {
	organization

	// Message says how the organization is doing.
	Message string `json:"message"`
	// Isolated says that the organization's NetworkPolicy is there. Others beside it may let more through.
	Isolated bool `json:"isolated"`
	// Quota is what is bounded, by the name of the resource.
	Quota map[string]usage `json:"quota,omitempty"`
	// TrustPolicy is the one of an AWS role that the platform may assume for the organization; nil as long as it has no external id.
	TrustPolicy *trustPolicy `json:"trustPolicy,omitempty"`
}

// usage is how much of a resource there is for an organization.
type usage struct {
	Hard string `json:"hard"`
	// Used is empty as long as nobody has counted.
	Used string `json:"used,omitempty"`
}

func (g *global) showOrganization(cmd *cobra.Command, name, principal string) error {
	if err := checkPrincipal(principal); err != nil {
		return err
	}
	c, err := g.client()
	if err != nil {
		return err
	}
	org, err := organizationNamed(cmd, c, name)
	if err != nil {
		return err
	}
	object := client.ObjectKey{Namespace: name, Name: names.OrganizationObject}
	quota, policy := &corev1.ResourceQuota{}, &networkingv1.NetworkPolicy{}
	quotaErr, policyErr := c.Get(cmd.Context(), object, quota), c.Get(cmd.Context(), object, policy)
	if err := errors.Join(client.IgnoreNotFound(quotaErr), client.IgnoreNotFound(policyErr)); err != nil {
		return fmt.Errorf("read what organization %s has: %w", name, err)
	}
	details := organizationDetails{organization: describe(org), Message: message(org), Isolated: policyErr == nil, Quota: usages(quota)}
	details.TrustPolicy = newTrustPolicy(principal, details.ExternalID)
	err = g.print(cmd.OutOrStdout(), details, []string{"NAME", details.Name}, details.rows())
	if err != nil || g.output != outputText {
		return err
	}
	return details.TrustPolicy.write(cmd.OutOrStdout())
}

// describe is an organization as lists print it.
func describe(org *v1alpha1.Organization) organization {
	return organization{
		Name:       org.Name,
		Ready:      meta.IsStatusConditionTrue(org.Status.Conditions, v1alpha1.ConditionReady),
		Trusted:    ptr.Deref(org.Spec.Trusted, false),
		ExternalID: org.Status.ExternalID,
		Created:    org.CreationTimestamp.UTC(),
	}
}

func yesNo(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

func usages(quota *corev1.ResourceQuota) map[string]usage {
	all := map[string]usage{}
	for resource, hard := range quota.Spec.Hard {
		u := usage{Hard: hard.String()}
		if used, counted := quota.Status.Used[resource]; counted {
			u.Used = used.String()
		}
		all[string(resource)] = u
	}
	return all
}

func (o *organizationDetails) rows() [][]string {
	ready, isolated := "no: "+o.Message, "no: there is no NetworkPolicy "+names.OrganizationObject
	if o.Ready {
		ready = "yes"
	}
	if o.Isolated {
		isolated = "yes"
	}
	rows := [][]string{
		{"READY", ready},
		{"TRUSTED", yesNo(o.Trusted)},
		{"EXTERNAL ID", cmp.Or(o.ExternalID, "none yet")},
		{"CREATED", o.Created.Format(time.RFC3339)},
		{"ISOLATED", isolated},
	}
	if len(o.Quota) == 0 {
		return append(rows, []string{"QUOTA", "none"})
	}
	for _, resource := range slices.Sorted(maps.Keys(o.Quota)) {
		u := o.Quota[resource]
		used := "not counted yet"
		if u.Used != "" {
			used = u.Used + " used"
		}
		rows = append(rows, []string{"QUOTA", fmt.Sprintf("%s %s, %s", resource, u.Hard, used)})
	}
	return rows
}
