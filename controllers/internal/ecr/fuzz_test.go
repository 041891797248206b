package ecr

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

// FuzzParseHost says that what is taken for a registry of Amazon's is under one of Amazon's domains, in a region that is part of a host name and
// nothing else: requests with credentials go there.
func FuzzParseHost(f *testing.F) {
	for _, host := range []string{
		"123456789012.dkr.ecr.us-west-2.amazonaws.com", "123456789012.dkr.ecr-fips.us-gov-east-1.amazonaws.com", "123456789012.dkr-ecr.eu-west-1.on.aws",
		"123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "123456789012.dkr.ecr.us-west-2.amazonaws.com.example.com", "1.dkr.ecr.a.on.aws",
	} {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, host string) {
		got, ok := ParseHost(host)
		if !ok {
			if got != (Host{}) {
				t.Errorf("%q is none, and is %+v", host, got)
			}
			return
		}
		if !strings.Contains(host, "."+got.Region+".") || strings.ContainsAny(got.Region, "./@:?#%\\ \n") {
			t.Errorf("%q has the region %q", host, got.Region)
		}
		under := func(p partitionOf) bool {
			return p.name == got.Partition && slices.ContainsFunc(p.suffixes, func(s string) bool { return strings.HasSuffix(host, "."+s) })
		}
		if !slices.ContainsFunc(allPartitions(), under) {
			t.Errorf("%q is not under a domain of the partition %s", host, got.Partition)
		}
		if address, err := url.Parse("https://" + host + "/"); err != nil || address.Host != host {
			t.Errorf("%q is no host: %v", host, err)
		}
	})
}

type partitionOf struct {
	name     string
	suffixes []string
}

func allPartitions() []partitionOf {
	all := make([]partitionOf, 0, len(partitions))
	for _, p := range partitions {
		all = append(all, partitionOf{p.name, p.suffixes})
	}
	return all
}

// FuzzPartitionOf says that the partition of an ARN is what stands second in it.
func FuzzPartitionOf(f *testing.F) {
	f.Add("arn:aws-cn:iam::123456789012:role/a")
	f.Add("arn")
	f.Add(":")
	f.Fuzz(func(t *testing.T, arn string) {
		want := ""
		if parts := strings.Split(arn, ":"); len(parts) > 1 {
			want = parts[1]
		}
		if got := PartitionOf(arn); got != want {
			t.Errorf("PartitionOf(%q): got %q, want %q", arn, got, want)
		}
	})
}
