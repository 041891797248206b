package ecr

import (
	"regexp"
	"slices"
	"strings"
)

// Host is a registry of Amazon ECR.
type Host struct {
	// Region is the one that its name says. Example: "eu-west-1".
	Region string
	// Partition is the part of AWS that it lies in, as in an ARN. Example: "aws-cn".
	Partition string
}

// anyRegion is what all regions look like, those to come included. It becomes a part of the host that the platform's requests to STS go to, and so
// must not be anything else that Amazon has under its domains.
const anyRegion = `([a-z]{2,4}(?:-[a-z]+)+-[0-9]{1,2})`

// hostPattern finds account, region and suffix: ACCOUNT.dkr.ecr.REGION.SUFFIX or, for IPv4 and IPv6, ACCOUNT.dkr-ecr.REGION.on.SUFFIX, either
// with -fips behind ecr.
var hostPattern = regexp.MustCompile(
	`^[0-9]{12}\.dkr(?:\.ecr(?:-fips)?\.` + anyRegion + `\.([a-z0-9.-]+)|-ecr(?:-fips)?\.` + anyRegion + `\.(on\.[a-z0-9.-]+))$`)

// partitions are all of AWS' partitions: what the names of their regions begin with, and what the names of their registries end in. The
// first of them whose prefix fits has the region.
var partitions = []struct {
	name, prefix string
	suffixes     []string
}{
	{"aws-cn", "cn-", []string{"amazonaws.com.cn", "on.amazonwebservices.com.cn"}},
	{"aws-us-gov", "us-gov-", []string{"amazonaws.com", "on.aws"}},
	{"aws-iso", "us-iso-", []string{"c2s.ic.gov"}},
	{"aws-iso-b", "us-isob-", []string{"sc2s.sgov.gov"}},
	{"aws-iso-e", "eu-isoe-", []string{"cloud.adc-e.uk"}},
	{"aws-iso-f", "us-isof-", []string{"csp.hci.ic.gov"}},
	{"aws-eusc", "eusc-", []string{"amazonaws.eu", "on.amazonwebservices.eu"}},
	{"aws", "", []string{"amazonaws.com", "on.aws"}},
}

// ParseHost reads the host of an image, and reports whether it is a registry of Amazon ECR.
func ParseHost(host string) (Host, bool) {
	m := hostPattern.FindStringSubmatch(host)
	if m == nil {
		return Host{}, false
	}
	region, suffix := m[1]+m[3], m[2]+m[4]
	dual := m[4] != ""
	for _, p := range partitions {
		if !strings.HasPrefix(region, p.prefix) {
			continue
		}
		if slices.Contains(p.suffixes, suffix) && strings.HasPrefix(suffix, "on.") == dual {
			return Host{Region: region, Partition: p.name}, true
		}
		break
	}
	return Host{}, false
}

// PartitionOf returns the partition that an ARN names.
func PartitionOf(arn string) string {
	_, rest, _ := strings.Cut(arn, ":")
	partition, _, _ := strings.Cut(rest, ":")
	return partition
}
