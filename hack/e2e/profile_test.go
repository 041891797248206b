package e2e

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/berth-dev/berth/hack/dev/stack"
)

// enter is the key of this name, which presses a button that has the focus.
const enter = "\r"

// TestProfile is a manager's way from nothing to a key that works, without a mouse, and to its end.
func TestProfile(t *testing.T) {
	t.Parallel()
	b := newChromium(t)
	b.signInByKeyboard(t, stack.Manager)

	b.tabTo(t, "input[name=description]")
	b.typed(t, "by keyboard")
	b.tabTo(t, "select[name=role]")
	b.typed(t, "m") // As in manager.
	b.tabTo(t, "form.make button")
	b.typed(t, enter)
	b.waitFor(t, ".token")
	token := evaluate[string](t, b, "document.querySelector('.token').innerText.trim()")
	id := evaluate[string](t, b, "document.querySelector('.facts code').innerText")
	if !strings.HasPrefix(token, "berth_") {
		t.Fatal("the page shows no key")
	}
	client := &restClient{organization: stack.Organization, key: token}
	if status, _ := client.send(t, http.MethodGet, "/containers/"+stack.Organization+"/apps/", nil); status != http.StatusOK {
		t.Errorf("a call with the new key: status %d", status)
	}

	// The browser sends the form again, and gets no key for it.
	b.do(t, "reload", chromedp.Reload())
	b.waitToSay(t, "can't be shown again")
	if strings.Contains(evaluate[string](t, b, "document.documentElement.outerHTML"), token) {
		t.Error("the key is shown twice")
	}
	b.visit(t, berth.Env.ProfileURL)
	if got := evaluate[int](t, b, "[...document.querySelectorAll('.keys h3')].filter(h => h.innerText === 'by keyboard').length"); got != 1 {
		t.Errorf("there are %d keys of one form", got)
	}

	revoke := "a[href='/profile/keys/" + id + "/revoke']"
	b.tabTo(t, revoke)
	b.typed(t, enter)
	b.tabTo(t, "button.danger")
	b.typed(t, enter)
	b.waitToSay(t, id+" is revoked")
	eventually(t, time.Minute, "the key is refused", client.lists(t, http.StatusUnauthorized))
	b.mustNotComplain(t)
}

// TestProfileOfContributor says that a contributor makes keys that read, whatever the form sends.
func TestProfileOfContributor(t *testing.T) {
	t.Parallel()
	b := newChromium(t)
	b.signIn(t, stack.Contributor)
	if got := evaluate[string](t, b, "[...document.querySelectorAll('select[name=role] option')].map(o => o.value).join()"); got != "contributor" {
		t.Errorf("a contributor may choose of %q", got)
	}
	evaluate[string](t, b, "document.querySelector('select[name=role] option').value = 'manager'")
	b.click(t, "form.make button")
	b.waitToSay(t, "You do not have permission")
	b.visit(t, berth.Env.ProfileURL)
	b.click(t, "form.make button")
	b.waitFor(t, ".token")
	token := evaluate[string](t, b, "document.querySelector('.token').innerText.trim()")
	client := &restClient{organization: stack.Organization, key: token}
	if status, _ := client.send(t, http.MethodGet, "/containers/"+stack.Organization+"/apps/", nil); status != http.StatusOK {
		t.Errorf("to read with the new key: status %d", status)
	}
	if status, _ := client.send(t, http.MethodDelete, "/containers/"+stack.Organization+"/apps/none/", nil); status != http.StatusForbidden {
		t.Errorf("to delete with the new key: status %d, want 403", status)
	}
	b.mustNotComplain(t)
}

// TestProfileOfStaff says that host staff find every organization, and that a form that is no page's of this session changes nothing.
func TestProfileOfStaff(t *testing.T) {
	t.Parallel()
	b := newChromium(t)
	b.signIn(t, stack.Staff)
	b.visit(t, berth.Env.ProfileURL+"?organization="+stack.Organization)
	b.waitFor(t, "#organization-"+stack.Organization)
	evaluate[string](t, b, "document.querySelector('form.make input[name=form]').value = ''")
	b.click(t, "form.make button")
	b.waitToSay(t, "Nothing was changed")

	b.visit(t, berth.Env.ProfileURL)
	b.click(t, "header button")
	b.waitFor(t, "a[href='/profile/sign-in']")
	b.visit(t, berth.Env.ProfileURL+"?organization="+stack.Organization)
	b.waitFor(t, "a[href='/profile/sign-in']")
	b.mustNotComplain(t)
	// What would break the policy would be told.
	evaluate[string](t, b, "document.body.setAttribute('style', 'color: red'), ''")
	eventually(t, browserTimeout, "the browser complains of a style", func() (bool, string) {
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.complaints) > 0, ""
	})
}

// TestProfileOnPhone looks at every page in a window as wide as a phone's, in the dark.
func TestProfileOnPhone(t *testing.T) {
	t.Parallel()
	b := newChromium(t)
	b.do(t, "take a phone", chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile))
	b.colours(t, "dark")
	b.visit(t, berth.Env.ProfileURL)
	b.mustFit(t, "the page to sign in")
	b.signIn(t, stack.Manager)
	if got := evaluate[string](t, b, "getComputedStyle(document.body).backgroundColor"); got != "rgb(18, 22, 29)" {
		t.Errorf("in the dark, the page's background is %s", got)
	}
	b.do(t, "say what for", chromedp.SendKeys(chromedp.CSS("input[name=description]"), "Deploys-from-a-runner-with-a-very-long-name-without-any-space"))
	b.click(t, "form.make button")
	b.waitFor(t, ".token")
	b.mustFit(t, "the page with a new key")
	id := evaluate[string](t, b, "document.querySelector('.facts code').innerText")
	for _, page := range []string{"", "keys/" + id + "/rotate", "keys/" + id + "/revoke", "nowhere"} {
		b.visit(t, berth.Env.ProfileURL+page)
		b.mustFit(t, "the page "+page)
	}
	b.visit(t, berth.Env.ProfileURL+"keys/"+id+"/rotate")
	b.click(t, ".ask button")
	b.waitFor(t, ".token")
	if got := evaluate[string](t, b, "document.querySelector('.facts code').innerText"); got == id {
		t.Error("the new key has the id of the one that it replaces")
	}
	b.waitToSay(t, "which it replaces, works until")
	b.mustNotComplain(t)
	b.picture(t)
}

// picture writes what the page of a manager looks like into the file that BERTH_SCREENSHOT names, if it names one.
func (b *chromium) picture(t *testing.T) {
	t.Helper()
	file := os.Getenv("BERTH_SCREENSHOT")
	if file == "" {
		return
	}
	b.colours(t, "light")
	b.do(t, "take a desk", chromedp.EmulateViewport(820, 740))
	b.visit(t, berth.Env.ProfileURL)
	b.do(t, "say what for", chromedp.SendKeys(chromedp.CSS("input[name=description]"), "Deploys from GitLab"))
	b.click(t, "form.make button")
	b.waitFor(t, ".token")
	b.visit(t, berth.Env.ProfileURL)
	picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, picture, 0o600); err != nil {
		t.Fatal(err)
	}
}

// signInByKeyboard signs somebody in without a mouse.
func (b *chromium) signInByKeyboard(t *testing.T, address string) {
	t.Helper()
	b.visit(t, berth.Env.ProfileURL)
	b.tabTo(t, "a[href='/profile/sign-in']")
	b.typed(t, enter)
	b.tabTo(t, "#login")
	b.typed(t, address)
	b.tabTo(t, "#password")
	b.typed(t, password(t)+enter)
	b.waitFor(t, ".who")
	b.waitToSay(t, address)
}

// signIn signs somebody in.
func (b *chromium) signIn(t *testing.T, address string) {
	t.Helper()
	b.visit(t, berth.Env.ProfileURL)
	b.click(t, "a[href='/profile/sign-in']")
	b.waitFor(t, "#password")
	b.do(t, "fill in the form", chromedp.SendKeys(chromedp.CSS("#login"), address), chromedp.SendKeys(chromedp.CSS("#password"), password(t)+enter))
	b.waitFor(t, ".who")
	b.waitToSay(t, address)
}

// password is everybody's at the identity provider.
func password(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(berth.Env.PasswordFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
