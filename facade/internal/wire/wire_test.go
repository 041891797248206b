package wire

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/mailbox"
)

func TestParseApp(t *testing.T) {
	cases := map[string]struct {
		reason  string
		members map[string]any
		want    AppBody
	}{
		"Nothing":       {members: map[string]any{}},
		"UnknownMember": {reason: "Clients send members that only other platforms know.", members: map[string]any{"state": "x", "color": 1.5}},
		"Login": {
			reason:  "Every character of a password counts.",
			members: map[string]any{"role_name": " robot$pull ", "external_id": " {\n} "},
			want:    AppBody{RoleName: new("robot$pull"), ExternalID: new(" {\n} ")},
		},
		"TokenOfAFile": {members: map[string]any{"external_id": " t \n"}, want: AppBody{ExternalID: new(" t ")}},
		"EmptyFile":    {members: map[string]any{"external_id": "\r\n"}},
		"NoToken":      {members: map[string]any{"external_id": ""}},
		"NullToken":    {members: map[string]any{"external_id": nil}},
		"LongestUser":  {members: map[string]any{"role_name": strings.Repeat("a", 255)}, want: AppBody{RoleName: new(strings.Repeat("a", 255))}},
		"AsIs": {
			members: map[string]any{"slug": "shop", "location": "HTTPS://example.com/shop:v1", "role_name": "arn:aws:iam::01:cowork-deploy", "dataset": "testing"},
			want: AppBody{
				Slug: new("shop"), Location: new("HTTPS://example.com/shop:v1"),
				RoleName: new("arn:aws:iam::01:cowork-deploy"), Dataset: new("testing"),
			},
		},
		"Spaces": {
			reason:  "Space around a name is a slip of the hand.",
			members: map[string]any{"slug": " shop\n", "location": " example.com/shop "},
			want:    AppBody{Slug: new("shop"), Location: new("example.com/shop")},
		},
		"Cleared": {
			reason:  "null and the empty text put a field back to its default.",
			members: map[string]any{"role_name": nil, "dataset": nil, "domain": "", "from_email": nil, "env": nil},
			want:    AppBody{RoleName: new(""), Dataset: new("production"), Domain: new(""), FromEmail: new(""), Env: &[]EnvVar{}},
		},
		"NumberAsText": {
			members: map[string]any{"slug": json.Number("42"), "env": []any{map[string]any{"name": "PORT", "value": json.Number("8080")}}},
			want:    AppBody{Slug: new("42"), Env: &[]EnvVar{{Name: "PORT", Value: "8080"}}},
		},
		"HostInOneForm": {
			reason:  "A host name has no case.",
			members: map[string]any{"domain": "WWW.Example.com.", "from_email": "a@b"},
			want:    AppBody{Domain: new("www.example.com"), FromEmail: new("a@b")},
		},
		"HostInUnicode": {members: map[string]any{"domain": "MÜNCHEN.example"}, want: AppBody{Domain: new("xn--mnchen-3ya.example")}},
		"HostAsAddress": {members: map[string]any{"domain": "https://www.example.com/"}, want: AppBody{Domain: new("www.example.com")}},
		"HostWithDigits": {
			reason:  "A label may be or have a number, and a last one may begin with one.",
			members: map[string]any{"domain": "1.0x1.2x", "from_email": "o'neil+1@b.c"},
			want:    AppBody{Domain: new("1.0x1.2x"), FromEmail: new("o'neil+1@b.c")},
		},
		"FromEmailWithName": {
			reason:  "It is kept as it was written.",
			members: map[string]any{"from_email": " Djao Support <support@example.org> "},
			want:    AppBody{FromEmail: new("Djao Support <support@example.org>")},
		},
		"FromEmailQuoted":  {members: map[string]any{"from_email": `"Djao, Inc." <a@b>`}, want: AppBody{FromEmail: new(`"Djao, Inc." <a@b>`)}},
		"FromEmailUnicode": {members: map[string]any{"from_email": "Größe <a@münchen.example>"}, want: AppBody{FromEmail: new("Größe <a@münchen.example>")}},
		"FromEmailAngles":  {members: map[string]any{"from_email": "<a@b>"}, want: AppBody{FromEmail: new("<a@b>")}},
		"HostInside": {
			reason:  "A network may have names of its own.",
			members: map[string]any{"domain": "shop.apps.localhost"}, want: AppBody{Domain: new("shop.apps.localhost")},
		},
		"EnvInOrder": {
			reason:  "Space in a value is the client's.",
			members: map[string]any{"env": []any{map[string]any{"name": "B", "value": " b "}, map[string]any{"name": "A", "value": ""}}},
			want:    AppBody{Env: &[]EnvVar{{Name: "B", Value: " b "}, {Name: "A"}}},
		},
		"EnvAsText": {
			reason:  "A form has env as JSON text.",
			members: map[string]any{"env": `[{"name": "A", "value": 1}]`},
			want:    AppBody{Env: &[]EnvVar{{Name: "A", Value: "1"}}},
		},
		"EnvAsNoText": {members: map[string]any{"env": " "}, want: AppBody{Env: &[]EnvVar{}}},
		"Largest": {
			members: map[string]any{"slug": strings.Repeat("a", 25), "env": env("A", strings.Repeat("x", 128<<10-3))},
			want:    AppBody{Slug: new(strings.Repeat("a", 25)), Env: &[]EnvVar{{Name: "A", Value: strings.Repeat("x", 128<<10-3)}}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := ParseApp(tc.members)
			if err != nil {
				t.Fatalf("\n%s\nParseApp(...): %v", tc.reason, err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("\n%s\nParseApp(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestParseBadApp(t *testing.T) {
	cases := map[string]struct {
		members map[string]any
		want    []string
	}{
		"SlugNull":            {members: map[string]any{"slug": nil}, want: []string{"slug"}},
		"SlugBlank":           {members: map[string]any{"slug": " "}, want: []string{"slug"}},
		"SlugBool":            {members: map[string]any{"slug": true}, want: []string{"slug"}},
		"SlugTooLong":         {members: map[string]any{"slug": strings.Repeat("a", 26)}, want: []string{"slug"}},
		"SlugUpperCase":       {members: map[string]any{"slug": "Shop"}, want: []string{"slug"}},
		"SlugHyphenLast":      {members: map[string]any{"slug": "shop-"}, want: []string{"slug"}},
		"HostRoot":            {members: map[string]any{"domain": "."}, want: []string{"domain"}},
		"HostPort":            {members: map[string]any{"domain": "www.example.com:443"}, want: []string{"domain"}},
		"HostIDN":             {members: map[string]any{"domain": "-münchen.example"}, want: []string{"domain"}},
		"LocationNull":        {members: map[string]any{"location": nil}, want: []string{"location"}},
		"LocationEmpty":       {members: map[string]any{"location": ""}, want: []string{"location"}},
		"LocationSchemeOnly":  {members: map[string]any{"location": "https://"}, want: []string{"location"}},
		"LocationOtherScheme": {members: map[string]any{"location": "docker://example.com/shop"}, want: []string{"location"}},
		"LocationTwoSchemes":  {members: map[string]any{"location": "http://https://example.com/shop"}, want: []string{"location"}},
		"LocationUpperCase":   {members: map[string]any{"location": "example.com/Shop"}, want: []string{"location"}},
		"LocationTooLong":     {members: map[string]any{"location": strings.Repeat("a", 1025)}, want: []string{"location"}},
		"LocationNUL":         {members: map[string]any{"location": "a\x00"}, want: []string{"location"}},
		"RoleOfNoRole":        {members: map[string]any{"role_name": "arn:aws:s3:::bucket"}, want: []string{"role_name"}},
		"UserWithColon":       {members: map[string]any{"role_name": "ann:secret"}, want: []string{"role_name"}},
		"UserWithTab":         {members: map[string]any{"role_name": "ann\tb"}, want: []string{"role_name"}},
		"UserTooLong":         {members: map[string]any{"role_name": strings.Repeat("a", 256)}, want: []string{"role_name"}},
		"TokenTooLong":        {members: map[string]any{"external_id": strings.Repeat("x", 16<<10+1)}, want: []string{"external_id"}},
		"TokenNUL":            {members: map[string]any{"external_id": "xxx\x00"}, want: []string{"external_id"}},
		"TokenObject":         {members: map[string]any{"external_id": map[string]any{}}, want: []string{"external_id"}},
		"RoleTooLong":         {members: map[string]any{"role_name": "arn:aws:iam::1:" + strings.Repeat("a", 2048)}, want: []string{"role_name"}},
		"DatasetUnknown":      {members: map[string]any{"dataset": "staging"}, want: []string{"dataset"}},
		"DatasetEmpty":        {members: map[string]any{"dataset": ""}, want: []string{"dataset"}},
		"DatasetList":         {members: map[string]any{"dataset": []any{"testing"}}, want: []string{"dataset"}},
		"DomainOneLabel":      {members: map[string]any{"domain": "localhost"}, want: []string{"domain"}},
		"DomainIP":            {members: map[string]any{"domain": "192.0.2.1"}, want: []string{"domain"}},
		"DomainWildcard":      {members: map[string]any{"domain": "*.example.com"}, want: []string{"domain"}},
		"DomainShortIP":       {members: map[string]any{"domain": "127.1"}, want: []string{"domain"}},
		"DomainHexIP":         {members: map[string]any{"domain": "0x7f.0x"}, want: []string{"domain"}},
		"DomainLikeIP":        {members: map[string]any{"domain": "1.2.3.4.5"}, want: []string{"domain"}},
		"DomainTooLong":       {members: map[string]any{"domain": strings.Repeat("a.", 127) + "aa"}, want: []string{"domain"}},
		"FromEmailNoAt":       {members: map[string]any{"from_email": "support"}, want: []string{"from_email"}},
		"FromEmailInjection":  {members: map[string]any{"from_email": "x <a@b>\r\nBcc: <c@d>"}, want: []string{"from_email"}},
		"FromEmailList":       {members: map[string]any{"from_email": "a,c@x.test"}, want: []string{"from_email"}},
		"FromEmailComment":    {members: map[string]any{"from_email": "a@b(c)"}, want: []string{"from_email"}},
		"FromEmailTooLong":    {members: map[string]any{"from_email": "a@" + strings.Repeat("b", 253)}, want: []string{"from_email"}},
		"EnvObject":           {members: map[string]any{"env": map[string]any{"A": "1"}}, want: []string{"env"}},
		"EnvTextNotJSON":      {members: map[string]any{"env": "A=1"}, want: []string{"env"}},
		"EnvTextTwoValues":    {members: map[string]any{"env": "[] []"}, want: []string{"env"}},
		"EnvTextTooManyEnds":  {members: map[string]any{"env": "[]]"}, want: []string{"env"}},
		"EnvItemText":         {members: map[string]any{"env": []any{"A=1"}}, want: []string{"env"}},
		"EnvNoName":           {members: map[string]any{"env": []any{map[string]any{"value": "1"}}}, want: []string{"env"}},
		"EnvNoValue":          {members: map[string]any{"env": []any{map[string]any{"name": "A"}}}, want: []string{"env"}},
		"EnvValueNull":        {members: map[string]any{"env": env("A", nil)}, want: []string{"env"}},
		"EnvValueBool":        {members: map[string]any{"env": env("A", true)}, want: []string{"env"}},
		"EnvValueNUL":         {members: map[string]any{"env": env("A", "a\x00b")}, want: []string{"env"}},
		"EnvValueTooLong":     {members: map[string]any{"env": env("A", strings.Repeat("x", 128<<10-2))}, want: []string{"env"}},
		"EnvNameDigitFirst":   {members: map[string]any{"env": env("1A", "")}, want: []string{"env"}},
		"EnvNameTooLong":      {members: map[string]any{"env": env(strings.Repeat("A", 254), "")}, want: []string{"env"}},
		"EnvTwice":            {members: map[string]any{"env": append(env("A", "1"), env("A", "2")...)}, want: []string{"env"}},
		"EnvTooMany":          {members: map[string]any{"env": slices.Repeat(env("A", ""), 257)}, want: []string{"env"}},
		"EnvTooLarge": {members: map[string]any{"env": slices.Concat(
			env("A", strings.Repeat("x", 130000)), env("B", strings.Repeat("x", 130000)), env("C", strings.Repeat("x", 130000)), env("D", strings.Repeat("x", 130000)),
			env("E", strings.Repeat("x", 130000)), env("F", strings.Repeat("x", 130000)), env("G", strings.Repeat("x", 130000)), env("H", strings.Repeat("x", 130000)),
		)}, want: []string{"env"}},
		"Several": {members: map[string]any{"slug": "", "dataset": "x", "env": 1}, want: []string{"dataset", "env", "slug"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := ParseApp(tc.members)
			e, ok := errors.AsType[*apierr.Error](err)
			if !ok {
				t.Fatalf("ParseApp(...): got %v, want a 400", err)
			}
			if diff := cmp.Diff(tc.want, slices.Sorted(maps.Keys(e.Fields))); diff != "" {
				t.Errorf("ParseApp(...): fields: -want, +got:\n%s", diff)
			}
			if strings.Contains(err.Error(), "xxx") {
				t.Errorf("ParseApp(...): the error tells a value: %v", err)
			}
		})
	}
}

func env(name string, value any) []any { return []any{map[string]any{"name": name, "value": value}} }

func TestSplitLocation(t *testing.T) {
	type want struct{ Prefix, Image string }
	cases := map[string]struct {
		location string
		want     want
	}{
		"WithScheme":    {location: "https://example.com/a:v1", want: want{Prefix: "https://", Image: "example.com/a:v1"}},
		"AnyCase":       {location: "Https://example.com/a", want: want{Prefix: "Https://", Image: "example.com/a"}},
		"HTTP":          {location: "http://example.com/a:v1", want: want{Prefix: "http://", Image: "example.com/a:v1"}},
		"HTTPAnyCase":   {location: "HTTP://example.com:5000/a", want: want{Prefix: "HTTP://", Image: "example.com:5000/a"}},
		"LikeAScheme":   {location: "https/a", want: want{Image: "https/a"}},
		"WithoutScheme": {location: "example.com:5000/a@sha256:0", want: want{Image: "example.com:5000/a@sha256:0"}},
		"Short":         {location: "a", want: want{Image: "a"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			prefix, image := SplitLocation(tc.location)
			if diff := cmp.Diff(tc.want, want{Prefix: prefix, Image: image}); diff != "" {
				t.Errorf("SplitLocation(%q): -want, +got:\n%s", tc.location, diff)
			}
		})
	}
}

// TestPatterns says that the rules here are those of the custom resources, so that neither refuses what the other takes.
func TestPatterns(t *testing.T) {
	cases := map[string]struct{ file, pattern string }{
		"Slug":     {file: "berth.dev_apps.yaml", pattern: slugPattern.String()},
		"Location": {file: "berth.dev_apps.yaml", pattern: imagePattern.String()},
		"RoleName": {file: "berth.dev_apps.yaml", pattern: roleARNPattern.String()},
		"EnvName":  {file: "berth.dev_apps.yaml", pattern: envNamePattern.String()},
		// A pattern in a CEL string has its backslashes doubled.
		"FromEmail": {file: "berth.dev_domains.yaml", pattern: strings.ReplaceAll(mailbox.Pattern, `\`, `\\`)},
		"EmailHost": {file: "berth.dev_domains.yaml", pattern: strings.ReplaceAll(mailbox.HostPattern, `\`, `\\`)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			crd, err := os.ReadFile("../../../config/crd/" + tc.file)
			if err != nil {
				t.Fatal(err)
			}
			// controller-gen breaks long lines.
			if !strings.Contains(strings.Join(strings.Fields(string(crd)), " "), tc.pattern) {
				t.Errorf("%s doesn't have the pattern %s", tc.file, tc.pattern)
			}
		})
	}
}
