package main

import (
	"flag"
	"fmt"
	"strings"

	"github.com/berth-dev/berth/facade"
)

// signInFlags say how people sign in to see to their API keys.
type signInFlags struct {
	issuer, clientID          string
	secretFile, rootsFile     string
	groupsClaim, groupsPrefix string
	groups                    facade.GroupMap
	scopes                    string
	publicURL, sessionKeyFile string
}

// register makes the flags known. Each may be empty, so that a Deployment can name them all.
func (f *signInFlags) register(set *flag.FlagSet) {
	set.StringVar(&f.issuer, "oidc-issuer-url", "", "the OpenID Connect provider that people sign in with at /profile/; empty for none")
	set.StringVar(&f.clientID, "oidc-client-id", "", "the client that the provider knows Berth as")
	set.StringVar(&f.secretFile, "oidc-client-secret-file", "", "a file with the secret of that client, read at the start; may be missing for a public client")
	set.StringVar(&f.rootsFile, "oidc-ca-file", "", "a file with certificates, PEM, that the provider's may be signed by beside the system's; may be missing")
	set.StringVar(&f.groupsClaim, "oidc-groups-claim", "groups", "the claim of ID tokens that holds people's groups")
	set.StringVar(&f.groupsPrefix, "oidc-groups-prefix", "", "what is put in front of each group; those that don't begin with berth: then are ignored")
	set.Func("oidc-group", "a group of the provider and what its members are, `IDGROUP=ORG:ROLE` or IDGROUP=host; repeat it, or use semicolons, for several; "+
		"then other groups are ignored, except those with --oidc-groups-prefix if that is set; "+
		"if IDGROUP=host is given, only IDGROUP grants host staff rights", f.addGroups)
	set.StringVar(&f.scopes, "oidc-scopes", "openid,email,profile,groups", "the scopes to ask the provider for, with commas")
	set.StringVar(&f.publicURL, "public-url", "", "the URL at which clients reach the facade, such as https://berth.example.com; no Domain can have its host")
	set.StringVar(&f.sessionKeyFile, "session-key-file", "", "a file with 32 random bytes or more, for all replicas; if missing, sign-ins end with the process")
}

// addGroups reads mappings of groups. The groups of some providers have commas in their names.
func (f *signInFlags) addGroups(text string) error {
	for mapping := range strings.SplitSeq(text, ";") {
		if mapping = strings.TrimSpace(mapping); mapping == "" {
			continue
		}
		if f.groups == nil {
			f.groups = facade.GroupMap{}
		}
		if err := f.groups.Add(mapping); err != nil {
			return err
		}
	}
	return nil
}

// options reads the files that the flags name.
func (f *signInFlags) options() (facade.SignIn, error) {
	if f.issuer == "" {
		return facade.SignIn{}, nil
	}
	contents := map[string][]byte{f.secretFile: nil, f.rootsFile: nil, f.sessionKeyFile: nil}
	for name := range contents {
		content, err := readIfThere(name)
		if err != nil {
			return facade.SignIn{}, fmt.Errorf("read what people sign in with: %w", err)
		}
		contents[name] = content
	}
	return facade.SignIn{
		Issuer: f.issuer, ClientID: f.clientID,
		ClientSecret: strings.TrimRight(string(contents[f.secretFile]), "\r\n"),
		Authorities:  contents[f.rootsFile],
		Scopes:       strings.FieldsFunc(f.scopes, func(r rune) bool { return r == ',' || r == ' ' }),
		GroupsClaim:  f.groupsClaim, GroupsPrefix: f.groupsPrefix, Groups: f.groups,
		PublicURL: strings.TrimSuffix(f.publicURL, "/"), SessionKey: contents[f.sessionKeyFile],
	}, nil
}
