package ecr

import "time"

// patience returns for how long a caller may wait for an answer.
func (t *Tokens) patience(region string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.slow[region] {
		return 0
	}
	return patience
}

// wait counts one more caller that waits for an answer, until done, and returns for how long it may.
func (t *Tokens) wait(region string) (allowed time.Duration, done func()) {
	allowed = t.patience(region)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting >= maxWaiting {
		return min(allowed, glance), func() {}
	}
	t.waiting++
	return allowed, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.waiting--
	}
}

// begin counts one more fetch of an organization, unless too many are under way. The other half of all is for organizations that have none.
func (t *Tokens) begin(organization string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	running := t.fetches[organization]
	if t.all >= maxFetches || running >= maxOfOrganization || running > 0 && t.all >= maxFetches/2 {
		return false
	}
	t.all++
	t.fetches[organization]++
	return true
}

func (t *Tokens) end(organization string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all--
	t.fetches[organization]--
	if t.fetches[organization] == 0 {
		delete(t.fetches, organization)
	}
}
