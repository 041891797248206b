package ssa

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/berth-dev/berth/api/v1alpha1"
)

const (
	// contestedOften is how many times in a row an object is set back at once; then at most once in contestedAgain.
	contestedOften = 10
	contestedAgain = time.Minute
	// contestedTold is the time after which a contest that nothing was heard of is over.
	contestedTold = 10 * time.Minute
	// maxOwners bounds the memory of contests. Beyond it, what was written the longest time ago is forgotten.
	maxOwners = 4096
	// maxClaims bounds how many fields of an object are told.
	maxClaims = 5
)

// nobody are managers that no other client is behind: the one that the API server makes up when it applies to an object whose record of managers is empty,
// as after that was restored from a backup, and Berth itself where it does not apply.
var nobody = []string{"before-first-apply", v1alpha1.FieldOwner}

// Claim is a field that another field manager sets as well.
type Claim struct {
	// Field is its path, such as spec.replicas.
	Field string
	// Manager is who sets it, and Subresource through what; both are empty if that is not known.
	Manager, Subresource string
}

// Contest is what others change of an object that Berth sets back.
type Contest struct {
	// Kind and Name of the object.
	Kind, Name string
	// Claims are the fields. They are empty if others remove what Berth sets.
	Claims []Claim
	// Rewritten says that the fields were changed while they were written, as by an admission webhook.
	Rewritten bool
	// Often says that the object is written at most once a minute.
	Often bool
}

// Contests remembers what others change of the objects that are applied in a context that has it; see With. Berth has no record of who
// changed a field but the API server's, which is asked only while two are fighting. It is safe for concurrent use; nil remembers nothing.
type Contests struct {
	live  client.Reader
	clock clock.PassiveClock

	mu sync.Mutex
	// owners are the records of each owner's objects, by its UID.
	owners *lru.Cache
}

// record is of an object.
type record struct {
	Contest

	uid types.UID
	// digest is of what was applied last.
	digest string
	// times is how often in a row others have changed that, and at when the last time was.
	times int
	at    time.Time
	// held says that the object is not as it should be until it may be written again.
	held bool
}

type contestsKey struct{}

// NewContests returns a memory that asks live who has changed a field.
func NewContests(live client.Reader, c clock.PassiveClock) *Contests {
	return &Contests{live: live, clock: c, owners: lru.New(maxOwners)}
}

// With returns a context in which what is applied is remembered.
func (t *Contests) With(ctx context.Context) context.Context {
	return context.WithValue(ctx, contestsKey{}, t)
}

func contestsOf(ctx context.Context) *Contests {
	t, _ := ctx.Value(contestsKey{}).(*Contests)
	return t
}

// maxRecords is how many objects of an owner are watched for contests.
const maxRecords = 256

// bounds are the kinds of objects that keep organizations apart. They are set back at once, however often.
var bounds = []string{"NetworkPolicy", "ResourceQuota", "LimitRange", "RoleBinding"}

// Forget forgets an owner that is gone.
func (t *Contests) Forget(owner types.UID) {
	if t != nil {
		t.owners.Remove(owner)
	}
}

// Of returns what others change of the objects of some owners, in the order of their kinds and names, and after what time that is to be asked
// again, since an object may be written again or a contest is over.
func (t *Contests) Of(owners ...types.UID) ([]Contest, time.Duration) {
	if t == nil {
		return nil, 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []Contest
	var again time.Duration
	now := t.clock.Now()
	for _, owner := range owners {
		for _, r := range t.records(owner) {
			left := contestedTold - now.Sub(r.at)
			if r.times == 0 || left <= 0 {
				continue
			}
			if wait := contestedAgain - now.Sub(r.at); r.held && wait > 0 {
				left = wait
			} else {
				r.held = false // It could have been written now. If it was not, that has another reason.
			}
			if again == 0 || left < again {
				again = left
			}
			told := r.Contest
			told.Often = r.times >= contestedOften
			all = append(all, told)
		}
	}
	slices.SortFunc(all, func(a, b Contest) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) })
	return all, again
}

// records returns those of an owner's objects; mu is held.
func (t *Contests) records(owner types.UID) map[string]*record {
	known, _ := t.owners.Get(owner)
	records, _ := known.(map[string]*record)
	return records
}

// held reports whether an object is not to be written yet: what others have changed of it was set back too often.
func (t *Contests) held(owner types.UID, object Contest, uid types.UID, digest string) bool {
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.records(owner)[object.Kind+"/"+object.Name]
	if r == nil || r.uid != uid || r.digest != digest || r.times < contestedOften || slices.Contains(bounds, object.Kind) {
		return false
	}
	r.held = t.clock.Since(r.at) < contestedAgain
	return r.held
}

// written notes that an object was written. What is applied once more though it was applied before was changed by others meanwhile, whoever
// they are.
func (t *Contests) written(owner types.UID, object Contest, uid types.UID, digest string, contested bool) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	records := maps.Clone(t.records(owner))
	if records == nil {
		records = map[string]*record{}
	}
	key := object.Kind + "/" + object.Name
	r := records[key]
	if r == nil && (object.Kind == "Secret" && !contested || len(records) >= maxRecords) {
		return
	}
	if r == nil || r.uid != uid || t.clock.Since(r.at) >= contestedTold {
		last := ""
		if r != nil && r.uid == uid {
			last = r.digest
		}
		r = &record{uid: uid, digest: last}
	}
	// Of Secrets, the cache does not tell whether they are as they should be.
	if contested || r.digest == digest && object.Kind != "Secret" {
		r.Contest, r.at = object, t.clock.Now()
		r.times++
	}
	r.digest, r.held = digest, false
	records[key] = r
	t.owners.Add(owner, records)
}

// claims returns who has set the fields that an apply conflicts about.
func (t *Contests) claims(ctx context.Context, c client.Client, obj client.Object, conflict error) []Claim {
	status, ok := errors.AsType[*apierrors.StatusError](conflict)
	if t == nil || !ok || status.ErrStatus.Details == nil {
		return nil
	}
	managers, known := t.managers(ctx, c, obj)
	var all []Claim
	for _, cause := range status.ErrStatus.Details.Causes {
		if cause.Type != metav1.CauseTypeFieldManagerConflict {
			continue
		}
		claim := Claim{Field: strings.TrimPrefix(cause.Field, ".")}
		for _, m := range managers {
			if m.fields[cause.Field] {
				claim.Manager, claim.Subresource = m.name, m.subresource
			}
		}
		if known && claim.Manager == "" || slices.Contains(nobody, claim.Manager) || slices.Contains(all, claim) {
			continue
		}
		all = append(all, claim)
	}
	slices.SortFunc(all, func(a, b Claim) int { return cmp.Compare(a.Field, b.Field) })
	return all[:min(len(all), maxClaims)]
}

type manager struct {
	name, subresource string
	fields            map[string]bool
}

// managers returns who else has set fields of an object, from the API server: the cache does not keep that. It lists, since the operator may list
// but not get most kinds. If that fails, the contest is told without them.
func (t *Contests) managers(ctx context.Context, c client.Client, obj client.Object) (all []manager, known bool) {
	gvk, err := apiutil.GVKForObject(obj, c.Scheme())
	if err != nil {
		return nil, false
	}
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
	err = t.live.List(ctx, list, client.InNamespace(obj.GetNamespace()), client.MatchingFields{metav1.ObjectNameField: obj.GetName()})
	if err != nil || len(list.Items) != 1 {
		return nil, false
	}
	for _, entry := range list.Items[0].GetManagedFields() {
		set := &fieldpath.Set{}
		if isOurs(&entry) || entry.FieldsV1 == nil || set.FromJSON(entry.FieldsV1.GetRawReader()) != nil {
			continue
		}
		m := manager{entry.Manager, entry.Subresource, map[string]bool{}}
		set.Iterate(func(p fieldpath.Path) { m.fields[p.String()] = true })
		all = append(all, m)
	}
	return all, true
}
