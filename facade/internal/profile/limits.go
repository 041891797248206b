package profile

import (
	"errors"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/signin"
	"github.com/berth-dev/berth/internal/apikey"
)

// refusal turns the error about a key that could not be written into one that says so to a person.
func refusal(err error) error {
	if apierrors.IsAlreadyExists(err) {
		return errShown()
	}
	if exceeded, ok := errors.AsType[*apikey.LimitError](err); ok {
		return (&apierr.Error{Status: http.StatusForbidden, Detail: limitWords(exceeded)}).Because(err)
	}
	return err
}

// limitWords say which limit is reached and what to do.
func limitWords(e *apikey.LimitError) string {
	holder, advice := "You have", "Revoke one that you do not need"
	if e.Organization != "" {
		holder, advice = "The organization "+e.Organization+" has", "Ask a manager of the organization to revoke one that is not needed"
	}
	if e.Replaced {
		const replaced = "%s %d API keys that were replaced and still work, which is the maximum. %s or wait until one ends, or have the old key stop at once."
		return fmt.Sprintf(replaced, holder, e.Limit, advice)
	}
	return fmt.Sprintf("%s %d API keys that work, which is the maximum. %s, then make the key.", holder, e.Limit, advice)
}

// full returns what the page says in place of the form that makes a key, if there is no room for one in an organization; empty if there is.
func (p *Pages) full(person signin.Person, organization string) string {
	wanted := apikey.Key{Spec: apikey.Spec{Owner: person.Address, Account: person.Account, Organizations: []string{organization}}}
	if exceeded, ok := errors.AsType[*apikey.LimitError](p.options.Store.CheckKey(wanted)); ok {
		return limitWords(exceeded)
	}
	return ""
}
