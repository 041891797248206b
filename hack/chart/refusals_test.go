package main

import (
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/loader"
)

// enough are the values that have to be given.
const enough = "baseDomain: apps.example.com\nimage: {registry: registry.example.com/berth}\nissuer: {name: letsencrypt}\n"

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		reason, values string
		// want are words that tell whoever gave the values what to change.
		want []string
	}{
		"NoBaseDomain": {
			"nothing can be guessed", "image: {registry: r}\nissuer: {name: i}\n",
			[]string{"baseDomain is required"},
		},
		"NoIssuer": {
			"any issuer would be a guess", "baseDomain: apps.example.com\nimage: {registry: r}\n",
			[]string{"issuer.name is required"},
		},
		"NoneOfThem": {
			"all is told at once", "",
			[]string{"baseDomain is required", "image.registry is required", "issuer.name is required"},
		},
		"Wildcard": {
			"the wildcard is that of the DNS record", "baseDomain: \"*.apps.example.com\"\nimage: {registry: r}\nissuer: {name: i}\n",
			[]string{"baseDomain must be a domain"},
		},
		"RegistryURL": {
			"no image has such a name", "baseDomain: apps.example.com\nimage: {registry: \"https://registry.example.com\"}\nissuer: {name: i}\n",
			[]string{"image.registry must be", "without a scheme"},
		},
		"OneRepository": {
			"the other image is nowhere", "baseDomain: apps.example.com\nissuer: {name: i}\noperator: {image: {repository: r/operator}}\n",
			[]string{"image.registry is required"},
		},
		"BaseDomain": {
			"it is a domain, not a URL", "baseDomain: https://example.com\nimage: {registry: r}\nissuer: {name: i}\n",
			[]string{"baseDomain must be a domain", "such as apps.example.com", "https://example.com"},
		},
		"NoRegistry": {
			"Berth's images are nowhere in particular", "baseDomain: apps.example.com\n",
			[]string{"image.registry is required"},
		},
		"Unknown": {
			"a misspelt name", enough + "ingresClass: nginx\n",
			[]string{"ingresClass", "not allowed"},
		},
		"UnknownInner": {
			"a misspelt name further in", enough + "facade: {replica: 3}\n",
			[]string{"/facade", "replica", "not allowed"},
		},
		"Text": {
			"a number in quotes", enough + "operator: {replicas: \"3\"}\n",
			[]string{"/operator/replicas", "got string, want integer"},
		},
		"List": {
			"a text where several can be", enough + "routerNamespaces: traefik\n",
			[]string{"/routerNamespaces", "got string, want array"},
		},
		"Negative": {
			"a number that makes no sense", enough + "limits: {keyRate: -1}\n",
			[]string{"/limits/keyRate", "minimum"},
		},
		"Duration": {
			"Go knows no days, and the operator would not start", enough + "hostHold: 7d\n",
			[]string{"/hostHold", "pattern"},
		},
		"ReservedWildcard": {
			"names below a reserved host are reserved without it", enough + "reservedHosts: [\"*.example.com\"]\n",
			[]string{"/reservedHosts/0", "pattern"},
		},
		"Group": {
			"a group that is mapped to nothing, and the facade would not start", enough + "oidc: {groups: [developers=cowork]}\n",
			[]string{"/oidc/groups/0", "pattern"},
		},
		"PublicHost": {
			"it is a URL, and a host alone would reserve nothing", enough + "facade: {publicURL: berth.example.com}\n",
			[]string{"/facade/publicURL", "pattern"},
		},
		"PortZero": {
			"a port that none is, and the facade would not start", enough + "mail: {allowPorts: [2465, 0]}\n",
			[]string{"/mail/allowPorts/1", "minimum"},
		},
		"ServiceType": {
			"a type that is none", enough + "facade: {service: {type: Loadbalancer}}\n",
			[]string{"/facade/service/type", "LoadBalancer"},
		},
		"NodePortOfNone": {
			"a port on nodes of a Service that has none", enough + "facade: {service: {nodePort: 30443}}\n",
			[]string{"/facade/service/nodePort", "must be 0", "/facade/service/type", "'NodePort', 'LoadBalancer'"},
		},
		"NumberInEnvironment": {
			"Kubernetes takes text alone", enough + "operator: {extraEnv: [{name: GOMAXPROCS, value: 2}]}\n",
			[]string{"/operator/extraEnv/0/value", "got number, want string"},
		},
		"VariableWithoutName": {
			"a mapping as Docker has it", enough + "facade: {extraEnv: [{HTTPS_PROXY: \"http://proxy.example.com\"}]}\n",
			[]string{"/facade/extraEnv/0", "missing property 'name'"},
		},
		"MountWithoutPath": {
			"a volume that is nowhere", enough + "facade: {extraVolumeMounts: [{name: ca}]}\n",
			[]string{"/facade/extraVolumeMounts/0", "missing property 'mountPath'"},
		},
		"Digest": {
			"no digest", enough + "operator: {image: {digest: v1}}\n",
			[]string{"/operator/image/digest", "pattern"},
		},
		"MailTwice": {
			"two passwords", enough + "mail: {existingSecret: s, password: p}\n",
			[]string{"mail.existingSecret", "mail.password"},
		},
		"ClientTwice": {
			"two secrets", enough + "oidc: {existingSecret: s, clientSecret: p}\n",
			[]string{"oidc.existingSecret", "oidc.clientSecret"},
		},
		"KeysWithBerth": {
			"nothing runs in the Namespace of the keys", enough + "keysNamespace: platform\n",
			[]string{"keysNamespace must be another Namespace than that of the release, platform"},
		},
		"TraefikWhere": {
			"a certificate somewhere", enough + "wildcardCertificate: {secretName: certificate, traefik: true}\n",
			[]string{"wildcardCertificate.namespace is required"},
		},
		"TraefikWhich": {
			"no certificate", enough + "wildcardCertificate: {namespace: traefik, traefik: true}\n",
			[]string{"wildcardCertificate.secretName is required"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := install(t, "platform", read(t, tc.values))
			if err == nil {
				t.Fatalf("%s: it was not refused", tc.reason)
			}
			for _, word := range tc.want {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%s: the message lacks %q: %v", tc.reason, word, err)
				}
			}
		})
	}
}

func TestOldKubernetesIsRefused(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{"v1.35.9": false, "v1.36.0": true, "v1.36.2-gke.100": true, "v1.37.0": true} {
		chart, err := loader.Load(chartDir)
		if err != nil {
			t.Fatal(err)
		}
		i := action.NewInstall(action.NewConfiguration())
		i.ReleaseName, i.Namespace, i.DryRunStrategy = "berth", "platform", action.DryRunClient
		if i.KubeVersion, err = common.ParseKubeVersion(version); err != nil {
			t.Fatal(err)
		}
		if _, err := i.Run(chart, read(t, enough)); (err == nil) != want {
			t.Errorf("Kubernetes %s: %v", version, err)
		}
	}
}
