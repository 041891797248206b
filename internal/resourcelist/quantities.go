// Package resourcelist reads amounts of resources as people write them on one line: in annotations of organizations and in flags.
package resourcelist

import (
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Parse reads a list such as "requests.cpu=4, requests.memory=8Gi, pods=50". White space around names and amounts counts for nothing, and
// a text without anything else is an empty list. Which resources there are is for the API server to say.
func Parse(text string) (corev1.ResourceList, error) {
	list := corev1.ResourceList{}
	if strings.TrimSpace(text) == "" {
		return list, nil
	}
	for pair := range strings.SplitSeq(text, ",") {
		name, amount, err := parsePair(pair)
		if err != nil {
			return nil, err
		}
		if _, twice := list[name]; twice {
			return nil, fmt.Errorf("%s is given twice", name)
		}
		list[name] = amount
	}
	return list, nil
}

func parsePair(pair string) (corev1.ResourceName, resource.Quantity, error) {
	name, text, ok := strings.Cut(pair, "=")
	name, text = strings.TrimSpace(name), strings.TrimSpace(text)
	if !ok || name == "" || text == "" {
		return "", resource.Quantity{}, fmt.Errorf("%q is not RESOURCE=AMOUNT", strings.TrimSpace(pair))
	}
	amount, err := resource.ParseQuantity(text)
	if err != nil {
		return "", resource.Quantity{}, fmt.Errorf("%s: %q is no amount such as 500m, 2 or 8Gi", name, text)
	}
	if amount.Sign() < 0 {
		return "", resource.Quantity{}, errors.New(name + " is negative")
	}
	return corev1.ResourceName(name), amount, nil
}
