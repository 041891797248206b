package controllers

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestReadsPodsOfOrganizationsAlone says that the operator's token reads what may have literal values of environments in organizations alone, whole or by
// its metadata, and of a kind that it doesn't need nowhere.
func TestReadsPodsOfOrganizationsAlone(t *testing.T) {
	t.Parallel()
	org, other := organization(t), namespace(t, nil)
	metadata := func(group, kind string) client.ObjectList {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(schema.GroupVersionKind{Group: group, Version: "v1", Kind: kind + "List"})
		return list
	}
	cases := map[string]struct {
		list   client.ObjectList
		nobody bool
	}{
		"Pods":                  {list: &corev1.PodList{}},
		"PodsMetadata":          {list: metadata("", "Pod")},
		"ReplicaSets":           {list: &appsv1.ReplicaSetList{}},
		"ReplicaSetsMetadata":   {list: metadata("apps", "ReplicaSet")},
		"Deployments":           {list: &appsv1.DeploymentList{}},
		"DeploymentsMetadata":   {list: metadata("apps", "Deployment")},
		"Secrets":               {list: &corev1.SecretList{}},
		"StatefulSets":          {list: &appsv1.StatefulSetList{}, nobody: true},
		"DaemonSets":            {list: &appsv1.DaemonSetList{}, nobody: true},
		"Jobs":                  {list: &batchv1.JobList{}, nobody: true},
		"CronJobs":              {list: &batchv1.CronJobList{}, nobody: true},
		"ReplicationController": {list: &corev1.ReplicationControllerList{}, nobody: true},
		"PodTemplates":          {list: &corev1.PodTemplateList{}, nobody: true},
		"ConfigMaps":            {list: &corev1.ConfigMapList{}, nobody: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for where, denied := range map[string]bool{
				org: tc.nobody, other: true, metav1.NamespaceSystem: true, metav1.NamespaceDefault: true, metav1.NamespaceAll: true,
			} {
				err := uncached.List(t.Context(), tc.list, client.InNamespace(where))
				if denied != apierrors.IsForbidden(err) || !denied && err != nil {
					t.Errorf("list in Namespace %q: got error %v, want it to be denied: %t", where, err, denied)
				}
			}
		})
	}
}
