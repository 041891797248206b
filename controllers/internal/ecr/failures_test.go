package ecr

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/berth-dev/berth/internal/testing/testaws"
)

// What passes leaves the token as it is, and AWS alone for a while.
func TestWhatPasses(t *testing.T) {
	cases := map[string]testaws.Fault{
		"Throttling":          {Action: testaws.AssumeRole, Status: http.StatusBadRequest, Code: "Throttling"},
		"ThrottlingException": {Action: testaws.GetAuthorizationToken, Status: http.StatusBadRequest, Code: "ThrottlingException"},
		"RequestLimit":        {Action: testaws.AssumeRole, Status: http.StatusServiceUnavailable, Code: "RequestLimitExceeded"},
		"Internal":            {Action: testaws.AssumeRole, Status: http.StatusInternalServerError, Code: "InternalFailure"},
		"ServerException":     {Action: testaws.GetAuthorizationToken, Status: http.StatusInternalServerError, Code: "ServerException"},
	}
	for name, fault := range cases {
		t.Run(name, func(t *testing.T) {
			fault.Times = 2
			w := newWorld(t, fault)
			w.mustGet(t, time.Time{}) // The SDK tries a third time.
			fault.Times = 3
			w = newWorld(t)
			first := w.mustGet(t, time.Time{})
			w.aws.Set(testaws.Settings{Roles: []testaws.Role{{ARN: shop.ARN, ExternalID: shop.ExternalID}}, Faults: []testaws.Fault{fault}})
			w.pass(first.RefreshAt.Sub(first.IssuedAt))
			token, err := w.get(t, time.Time{})
			if err == nil || err.Kind != Unavailable || err.RetryAfter < firstRetry*3/4 || err.RetryAfter > firstRetry {
				t.Fatalf("the error is %#v", err)
			}
			if token != first {
				t.Error("the token that still holds is not returned")
			}
			before := len(w.aws.Calls())
			if token, err := w.get(t, time.Time{}); err == nil || token != first || len(w.aws.Calls()) != before {
				t.Error("AWS isn't left alone after a failure")
			}
			w.pass(err.RetryAfter)
			if w.mustGet(t, time.Time{}) == first {
				t.Error("the token isn't replaced when the fault has passed")
			}
		})
	}
}

func TestSlowAnswers(t *testing.T) {
	slow := testaws.Fault{Action: testaws.AssumeRole, Times: 1, Delay: int((attemptTimeout + time.Second).Milliseconds())}
	w := newWorld(t, slow)
	w.mustGet(t, time.Time{}) // The second attempt is fast.
	slow.Times = 100
	w = newWorld(t, slow)
	began := time.Now()
	token, err := w.get(t, time.Time{})
	if err == nil || err.Kind != Unavailable || token != (Token{}) {
		t.Errorf("the token is %t, the error %#v", token != Token{}, err)
	}
	if took := time.Since(began); took > patience+5*time.Second {
		t.Errorf("it took %s", took)
	}
	// Who names the region from then on doesn't wait, whatever the role; those of other regions do.
	began = time.Now()
	for _, role := range []Role{shop, {ARN: shop.ARN + "2", Region: shop.Region}} {
		if _, err := w.tokens.Get(t.Context(), role, "berth-web", time.Time{}); err == nil {
			t.Error("there is a token")
		}
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %s again", took)
	}
	if w.tokens.patience("eu-west-2") != patience {
		t.Error("another region counts as slow")
	}
	w.aws.Fail(testaws.Fault{Action: testaws.AssumeRole})
	for end := time.Now().Add(fetchTimeout); w.tokens.patience(shop.Region) == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the region counts as slow though AWS answers")
		}
	}
	w.mustGet(t, time.Time{})
}

// A clock that is far ahead must not make the operator ask AWS all the time.
func TestTokenThatHasEndedAlready(t *testing.T) {
	w := newWorld(t)
	w.pass(13 * time.Hour)
	token, err := w.get(t, time.Time{})
	if err == nil || err.Kind != Unavailable || err.Said != ended || token != (Token{}) {
		t.Fatalf("the token is %t, the error %#v", token != Token{}, err)
	}
	before := len(w.aws.Calls())
	if _, err := w.get(t, time.Time{}); err == nil || len(w.aws.Calls()) != before {
		t.Error("AWS isn't left alone")
	}
}

func TestWhatIsRefused(t *testing.T) {
	denied := testaws.Fault{Action: testaws.AssumeRole, Times: 1, Status: http.StatusForbidden, Code: "InvalidClientTokenId"}
	expired := testaws.Fault{Action: testaws.AssumeRole, Times: 1, Status: http.StatusForbidden, Code: "ExpiredToken"}
	cases := map[string]struct {
		roles  []testaws.Role
		faults []testaws.Fault
		want   Error
	}{
		"NoRole": {want: Error{Kind: RoleRefused, Caller: testaws.CallerARN}},
		"OtherExternalID": {
			roles: []testaws.Role{{ARN: shop.ARN, ExternalID: "ANOTHER"}},
			want:  Error{Kind: RoleRefused, Caller: testaws.CallerARN},
		},
		"NoToken": {
			roles: []testaws.Role{{ARN: shop.ARN, ExternalID: shop.ExternalID, NoToken: true}},
			want:  Error{Kind: TokenRefused},
		},
		"UnknownPlatform": {faults: []testaws.Fault{denied}, want: Error{Kind: NoIdentity}},
		"ExpiredPlatform": {faults: []testaws.Fault{expired}, want: Error{Kind: NoIdentity}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.aws.Set(testaws.Settings{Roles: tc.roles, Faults: tc.faults})
			token, err := w.get(t, time.Time{})
			if err == nil || token != (Token{}) {
				t.Fatalf("there is a token, or no error: %v", err)
			}
			if diff := cmp.Diff(tc.want, *err, cmpopts.IgnoreFields(Error{}, "Said", "RetryAfter")); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if err.Said == "" || len(err.Said) > maxSaid+len("…") {
				t.Errorf("AWS is quoted with %d bytes", len(err.Said))
			}
		})
	}
}

func TestPlatformWithoutIdentity(t *testing.T) {
	w := newWorld(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	if _, err := w.get(t, time.Time{}); err == nil || err.Kind != NoIdentity {
		t.Errorf("the error is %#v", err)
	}
}

func TestPlatformWithAWrongKey(t *testing.T) {
	w := newWorld(t)
	const wrong = "another-secret-of-the-platform"
	t.Setenv("AWS_SECRET_ACCESS_KEY", wrong)
	_, err := w.get(t, time.Time{})
	if err == nil || err.Kind != NoIdentity {
		t.Fatalf("the error is %#v", err)
	}
	if strings.Contains(fmt.Sprintf("%+v", err), wrong) {
		t.Error("the error holds the key")
	}
	if len(w.aws.Calls()) != 0 {
		t.Error("the signature by a wrong key was taken")
	}
}

// Nothing listens there.
func TestOutage(t *testing.T) {
	w := newWorld(t)
	t.Setenv("AWS_ENDPOINT_URL", "https://127.0.0.1:1")
	if _, err := w.get(t, time.Time{}); err == nil || err.Kind != Unavailable {
		t.Errorf("the error is %#v", err)
	}
}
