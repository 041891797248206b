package apikey

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// Annotations of a key's Secret.
const (
	// annotationLastUsed is when the key was used last, an RFC 3339 time, to the hour.
	annotationLastUsed = "berth.dev/last-used"
	// annotationExpiresAt is when the key expires, as its data says it: an admission policy reads annotations, but not data.
	annotationExpiresAt = v1alpha1.AnnotationExpiresAt
	// annotationOwnerSeen is when the owner was last known to have signed in, an RFC 3339 time, to the day.
	annotationOwnerSeen = "berth.dev/owner-seen"
	// annotationRetiresAt is when the key stops working since another one replaces it, an RFC 3339 time.
	annotationRetiresAt = "berth.dev/retires-at"
)

// LastUsedPrecision is what the time of a key's last use is cut to.
const LastUsedPrecision = time.Hour

// SeenPrecision is what the time of an owner's last sign-in is cut to.
const SeenPrecision = 24 * time.Hour

// unreadable is when a key ends, or was seen, of which an annotation can't be read: before every key.
var unreadable = time.Unix(0, 0).UTC()

// timeIn reads the time that an annotation has; zero without one. ok is false if it can't be read as a time.
func timeIn(annotations map[string]string, name string) (at time.Time, ok bool) {
	text, found := annotations[name]
	if !found {
		return time.Time{}, true
	}
	at, err := parse(text)
	return at, err == nil && !at.IsZero()
}

// withEnds returns a key with the ends that annotations give it. Whoever writes annotations can only shorten a key's life: one that can't be read as a
// time disables it, since it was to end some time.
func (k Key) withEnds(annotations map[string]string) Key {
	expires, expiresRead := timeIn(annotations, annotationExpiresAt)
	retires, retiresRead := timeIn(annotations, annotationRetiresAt)
	if expiresRead {
		k.Expires = earliest(k.Expires, expires)
	}
	if retiresRead {
		k.Retires = retires
	}
	k.EndUnreadable = !expiresRead || !retiresRead
	return k
}

// ownerSeen reads when the owner signed in; if it can't be read, that was long ago.
func ownerSeen(annotations map[string]string) time.Time {
	at, ok := timeIn(annotations, annotationOwnerSeen)
	if !ok {
		return unreadable
	}
	return at
}

// lastUsed reads when a key was used last, which is for people to know; zero for never, or if it can't be read.
func lastUsed(annotations map[string]string) time.Time {
	at, err := parse(annotations[annotationLastUsed])
	if err != nil {
		return time.Time{}
	}
	return at
}

// DormantFrom is when the key stops working until its owner signs in again, if that has to happen within a time; zero for never. It concerns keys of
// people who sign in: a key that names no account is that of a program, or of somebody whom the platform's staff knows. Nor does it concern a key of
// which nothing says yet when its owner has signed in.
func (k Key) DormantFrom(within time.Duration) time.Time {
	if within <= 0 || k.Account == (Account{}) || k.OwnerSeen.IsZero() {
		return time.Time{}
	}
	return k.OwnerSeen.Add(SeenPrecision + within) // The sign-in was some time on that day.
}

// Older compares two keys by when they were made, then by id.
func Older(a, b Key) int {
	return cmp.Or(a.Created.Compare(b.Created.Time), cmp.Compare(a.ID, b.ID))
}

// End is when the key stops working, the earlier of Expires and Retires; zero for never, and long ago if it can't be read.
func (k Key) End() time.Time {
	if k.EndUnreadable {
		return unreadable
	}
	return earliest(k.Expires, k.Retires)
}

// StopsAt is when the key stops working as far as is known now, at its End or when it is dormant as DormantFrom says; zero for never.
func (k Key) StopsAt(within time.Duration) time.Time { return earliest(k.End(), k.DormantFrom(within)) }

// earliest returns the earliest of some times, of which zero is never.
func earliest(times ...time.Time) time.Time {
	ends := slices.DeleteFunc(times, time.Time.IsZero)
	if len(ends) == 0 {
		return time.Time{}
	}
	return slices.MinFunc(ends, time.Time.Compare)
}

// Expired tells whether the key has stopped working. An expired key is as unknown as one that never was.
func (k Key) Expired(now time.Time) bool {
	end := k.End()
	return !end.IsZero() && !now.Before(end)
}

// EndedBefore reports whether the key is known to have ended before a time, so that it can be deleted. A key of which an end can't be read is disabled,
// but kept until the other one, if there is one: whoever wrote the annotation may mend it.
func (k Key) EndedBefore(at time.Time) bool {
	end := earliest(k.Expires, k.Retires)
	return !end.IsZero() && !at.Before(end)
}

// Successor makes the key that replaces this one, with the same owner, role, organizations, description and lifetime, which is at most longest, and
// returns it with its token; 0 is for any lifetime. It has the id that is given, or a new random one if that is empty. The key itself stays as it is:
// RetirePatch ends it.
func (k Key) Successor(id string, now time.Time, longest time.Duration) (Key, string, error) {
	spec := k.Spec
	spec.ID, spec.Replaces = id, k.ID
	if life := k.SuccessorLife(longest); life > 0 {
		spec.Expires = now.Add(life)
	}
	key, token, err := New(spec)
	key.OwnerSeen = k.OwnerSeen
	return key, token, err
}

// SuccessorLife is how long the successor of the key lives if no key may live longer than longest; 0 is for ever, for both.
func (k Key) SuccessorLife(longest time.Duration) time.Duration {
	if k.Expires.IsZero() {
		return longest
	}
	life := max(k.Expires.Sub(k.Created.Time), time.Second) // One that was restored after its end has none.
	if longest > 0 {
		return min(life, longest)
	}
	return life
}

// RetirePatch is the JSON merge patch of the key's Secret that ends the key at a time, or earlier if it ends earlier anyway. It fits no Secret
// that was made under the same name later.
func (k Key) RetirePatch(at time.Time) []byte {
	at = toSecond(at)
	if end := k.End(); !end.IsZero() && end.Before(at) {
		at = end
	}
	return k.patch(annotationRetiresAt, at)
}

// UsedPatch is the JSON merge patch of the key's Secret that notes a use, as RetirePatch is one. All uses within an hour make the same.
func (k Key) UsedPatch(at time.Time) []byte {
	return k.patch(annotationLastUsed, at.Truncate(LastUsedPrecision))
}

// SeenPatch is the JSON merge patch of the key's Secret that notes that the owner has signed in, as RetirePatch is one. All sign-ins within a day make
// the same.
func (k Key) SeenPatch(at time.Time) []byte {
	return k.patch(annotationOwnerSeen, at.Truncate(SeenPrecision))
}

// patch names no resource version: it changes nothing that anybody else writes, so it can't be in conflict with them.
func (k Key) patch(annotation string, at time.Time) []byte {
	type metadata struct {
		UID         types.UID         `json:"uid,omitempty"`
		Annotations map[string]string `json:"annotations"`
	}
	patch := map[string]metadata{"metadata": {UID: k.UID, Annotations: map[string]string{annotation: format(at)}}}
	encoded, err := json.Marshal(patch)
	if err != nil {
		panic(err) // There is nothing in it that can't be encoded.
	}
	return encoded
}

// toSecond cuts a time to what is kept of it.
func toSecond(at time.Time) time.Time { return at.UTC().Truncate(time.Second) }

// format writes a time for a Secret; nothing for zero.
func format(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}

// parse reads what format has written.
func parse(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	return at.UTC(), err
}
