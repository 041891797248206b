package rbac

import (
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
)

// singles takes a rule apart.
func singles(rule rbacv1.PolicyRule) []string {
	var all []string
	for _, group := range rule.APIGroups {
		for _, resource := range rule.Resources {
			if group != "" {
				resource = group + "/" + resource
			}
			for _, verb := range rule.Verbs {
				if len(rule.ResourceNames) == 0 {
					all = append(all, verb+" "+resource)
				}
				for _, name := range rule.ResourceNames {
					all = append(all, verb+" "+resource+":"+name)
				}
			}
		}
	}
	for _, path := range rule.NonResourceURLs {
		all = append(all, strings.Join(rule.Verbs, ",")+" "+path)
	}
	return all
}
