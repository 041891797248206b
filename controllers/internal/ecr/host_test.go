package ecr

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"
)

func TestParseHost(t *testing.T) {
	t.Parallel()
	const account = "123456789012"
	cases := map[string]struct {
		host string
		want Host
	}{
		"Commercial":          {account + ".dkr.ecr.eu-west-1.amazonaws.com", Host{"eu-west-1", "aws"}},
		"FIPS":                {account + ".dkr.ecr-fips.us-east-2.amazonaws.com", Host{"us-east-2", "aws"}},
		"DualStack":           {account + ".dkr-ecr.eu-central-1.on.aws", Host{"eu-central-1", "aws"}},
		"DualStackFIPS":       {account + ".dkr-ecr-fips.us-west-2.on.aws", Host{"us-west-2", "aws"}},
		"China":               {account + ".dkr.ecr.cn-north-1.amazonaws.com.cn", Host{"cn-north-1", "aws-cn"}},
		"ChinaDualStack":      {account + ".dkr-ecr.cn-northwest-1.on.amazonwebservices.com.cn", Host{"cn-northwest-1", "aws-cn"}},
		"GovCloud":            {account + ".dkr.ecr.us-gov-west-1.amazonaws.com", Host{"us-gov-west-1", "aws-us-gov"}},
		"GovCloudFIPS":        {account + ".dkr.ecr-fips.us-gov-east-1.amazonaws.com", Host{"us-gov-east-1", "aws-us-gov"}},
		"GovCloudDualStack":   {account + ".dkr-ecr.us-gov-west-1.on.aws", Host{"us-gov-west-1", "aws-us-gov"}},
		"ISO":                 {account + ".dkr.ecr.us-iso-east-1.c2s.ic.gov", Host{"us-iso-east-1", "aws-iso"}},
		"ISOB":                {account + ".dkr.ecr.us-isob-east-1.sc2s.sgov.gov", Host{"us-isob-east-1", "aws-iso-b"}},
		"Sovereign":           {account + ".dkr.ecr.eusc-de-east-1.amazonaws.eu", Host{"eusc-de-east-1", "aws-eusc"}},
		"None":                {host: ""},
		"Other":               {host: "registry.example.com"},
		"Public":              {host: "public.ecr.aws"},
		"NoAccount":           {host: "dkr.ecr.eu-west-1.amazonaws.com"},
		"ShortAccount":        {host: "12345.dkr.ecr.eu-west-1.amazonaws.com"},
		"WithPort":            {host: account + ".dkr.ecr.eu-west-1.amazonaws.com:443"},
		"Below":               {host: "a." + account + ".dkr.ecr.eu-west-1.amazonaws.com"},
		"Imitated":            {host: account + ".dkr.ecr.eu-west-1.amazonaws.com.example.com"},
		"ImitatedByHyphen":    {host: account + ".dkr.ecr.eu-west-1.my-amazonaws.com"},
		"ChinaElsewhere":      {host: account + ".dkr.ecr.cn-north-1.amazonaws.com"},
		"ElsewhereInChina":    {host: account + ".dkr.ecr.eu-west-1.amazonaws.com.cn"},
		"Uppercase":           {host: account + ".dkr.ecr.EU-WEST-1.amazonaws.com"},
		"DotBehind":           {host: account + ".dkr.ecr.eu-west-1.amazonaws.com."},
		"NoRegion":            {host: account + ".dkr.ecr.amazonaws.com"},
		"BucketForRegion":     {host: account + ".dkr.ecr.s3.amazonaws.com"},
		"WebsiteForRegion":    {host: account + ".dkr.ecr.s3-website-eu-west-1.amazonaws.com"},
		"ServiceForRegion":    {host: account + ".dkr.ecr.iam.amazonaws.com"},
		"DualStackOfOneStack": {host: account + ".dkr.ecr.eu-west-1.on.aws"},
		"OneStackOfDualStack": {host: account + ".dkr-ecr.eu-west-1.amazonaws.com"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := ParseHost(tc.host)
			if ok != (tc.want != Host{}) {
				t.Errorf("ParseHost(%q) reports %t", tc.host, ok)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("ParseHost(%q) (-want +got):\n%s", tc.host, diff)
			}
		})
	}
}

func TestPartitionOf(t *testing.T) {
	t.Parallel()
	for arn, want := range map[string]string{
		"arn:aws:iam::123456789012:role/pull":        "aws",
		"arn:aws-us-gov:iam::123456789012:role/pull": "aws-us-gov",
		"pull": "",
	} {
		if got := PartitionOf(arn); got != want {
			t.Errorf("PartitionOf(%q) = %q, want %q", arn, got, want)
		}
	}
}

// The region of a registry's host is all that says whom the SDK asks: it has to find the endpoints of the same partition.
func TestEndpointsOfPartitions(t *testing.T) {
	t.Parallel()
	for region, suffix := range map[string]string{
		"eu-west-1": "amazonaws.com", "cn-northwest-1": "amazonaws.com.cn", "us-gov-west-1": "amazonaws.com", "us-iso-east-1": "c2s.ic.gov",
		"us-isob-east-1": "sc2s.sgov.gov", "eu-isoe-west-1": "cloud.adc-e.uk", "us-isof-south-1": "csp.hci.ic.gov", "eusc-de-east-1": "amazonaws.eu",
	} {
		host, ok := ParseHost("123456789012.dkr.ecr." + region + "." + suffix)
		if !ok {
			t.Errorf("the registries of %s aren't known", region)
		}
		role, err := sts.NewDefaultEndpointResolverV2().ResolveEndpoint(t.Context(), sts.EndpointParameters{Region: &host.Region})
		if want := "sts." + region + "." + suffix; err != nil || role.URI.Host != want {
			t.Errorf("roles are assumed at %s, want %s: %v", role.URI.Host, want, err)
		}
		token, err := ecr.NewDefaultEndpointResolverV2().ResolveEndpoint(t.Context(), ecr.EndpointParameters{Region: &host.Region})
		if want := "api.ecr." + region + "." + suffix; err != nil || token.URI.Host != want {
			t.Errorf("tokens are got at %s, want %s: %v", token.URI.Host, want, err)
		}
	}
}
