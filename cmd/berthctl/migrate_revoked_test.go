package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/apikey"
)

// migration are two Namespaces of API keys: the former one, and the new one.
type migration struct {
	t           *testing.T
	former, new string
}

func newMigration(t *testing.T, keys ...string) migration {
	t.Helper()
	former := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "former-"}}
	if err := cluster.Create(t.Context(), former); err != nil {
		t.Fatal(err)
	}
	m := migration{t, former.Name, strings.Replace(former.Name, "former", "new", 1)}
	for _, id := range keys {
		m.make(m.former, id)
	}
	return m
}

func (m migration) make(namespace, id string) {
	m.t.Helper()
	key, _, err := apikey.New(apikey.Spec{ID: id, Role: apikey.RoleHost})
	if err != nil {
		m.t.Fatal(err)
	}
	if err := cluster.Create(m.t.Context(), key.Secret(namespace)); err != nil {
		m.t.Fatal(err)
	}
}

func (m migration) revoke(namespace string, ids ...string) {
	m.t.Helper()
	for _, id := range ids {
		if err := cluster.Delete(m.t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: apikey.SecretName(id)}}); err != nil {
			m.t.Fatal(err)
		}
	}
}

func (m migration) run(from, to string, args ...string) string {
	m.t.Helper()
	_, told, err := berthctl(m.t, append([]string{"apikey", "migrate", "--namespace", from, "--keys-namespace", to}, args...)...)
	if err != nil {
		m.t.Fatalf("migrate from %s to %s %v: %v", from, to, args, err)
	}
	return told
}

func (m migration) upgrade(args ...string) string {
	m.t.Helper()
	return m.run(m.former, m.new, args...)
}

func (m migration) back() string {
	m.t.Helper()
	return m.run(m.new, m.former)
}

func (m migration) keys(namespace string) []string {
	m.t.Helper()
	secrets, err := secretsOfKeys(m.t.Context(), cluster, namespace)
	if err != nil {
		m.t.Fatal(err)
	}
	ids := []string{}
	for i := range secrets {
		ids = append(ids, strings.TrimPrefix(secrets[i].Name, "apikey-"))
	}
	slices.Sort(ids)
	return ids
}

// TestMigrateRevoked says that no revoked key comes back, and none goes that still works, in whichever order keys are copied and revoked.
func TestMigrateRevoked(t *testing.T) {
	const one, two, three = "key00001", "key00002", "key00003"
	for name, tc := range map[string]struct {
		keys []string
		do   func(migration) string
		// says are words of the last run, and former and next the keys that are left.
		says         string
		former, next []string
	}{
		"RevokedInNew": {
			keys: []string{one, two}, do: func(m migration) string { m.upgrade(); m.revoke(m.new, one); return m.upgrade("--delete") },
			says: "were not copied, since they were revoked in", next: []string{two},
		},
		"OnlyOneRevokedInNew": {
			keys: []string{one}, do: func(m migration) string { m.upgrade(); m.revoke(m.new, one); return m.upgrade() }, says: one, former: []string{one},
		},
		"RevokedInFormer": {
			keys: []string{one, two}, do: func(m migration) string { m.upgrade(); m.revoke(m.former, one); return m.upgrade() },
			says: "so they were deleted in", former: []string{two}, next: []string{two},
		},
		"MadeMeanwhile": {
			keys: []string{one}, do: func(m migration) string {
				m.upgrade()
				m.make(m.former, two)
				m.make(m.new, three)
				return m.upgrade("--delete")
			},
			says: "Copied 1 Secrets", next: []string{one, two, three},
		},
		"DeletedTwice": {
			keys: []string{one, two}, do: func(m migration) string {
				m.upgrade("--delete")
				m.make(m.former, three)
				m.upgrade()
				return m.upgrade("--delete")
			},
			says: "Deleted 1 Secrets", next: []string{one, two, three},
		},
		"FormerEmptiedByHand": {
			keys: []string{one, two}, do: func(m migration) string { m.upgrade(); m.revoke(m.former, one, two); return m.upgrade() },
			says: "so these were kept in", next: []string{one, two},
		},
		"FormerEmptiedByHandThenBack": {
			keys: []string{one, two}, do: func(m migration) string {
				m.upgrade()
				m.revoke(m.former, one, two)
				m.upgrade("--delete")
				return m.back()
			},
			says: "Copied 2 Secrets", former: []string{one, two}, next: []string{one, two},
		},
		"BackAfterDelete": {
			keys: []string{one, two}, do: func(m migration) string { m.upgrade("--delete"); return m.back() },
			says: "Copied 2 Secrets", former: []string{one, two}, next: []string{one, two},
		},
		"BackWithoutRevoked": {
			keys: []string{one, two}, do: func(m migration) string { m.upgrade(); m.revoke(m.new, one); return m.back() },
			says: "so they were deleted in", former: []string{two}, next: []string{two},
		},
		"BackWithoutTheOnlyOne": {
			keys: []string{one}, do: func(m migration) string { m.upgrade(); m.revoke(m.new, one); return m.back() }, says: "so they were deleted in",
		},
		"RevokedAfterGoingBack": {
			keys: []string{one}, do: func(m migration) string {
				m.upgrade("--delete")
				m.make(m.new, two)
				m.back()
				m.revoke(m.former, two)
				return m.upgrade()
			},
			says: "so they were deleted in", former: []string{one}, next: []string{one},
		},
		"NewNamespaceAgain": { // Namespaces are never gone in the tests' cluster: an emptied one without its annotation is as a new one.
			keys: []string{one, two}, do: func(m migration) string {
				m.upgrade()
				m.back()
				m.revoke(m.new, one, two)
				return m.upgrade()
			},
			says: "Copied 2 Secrets", former: []string{one, two}, next: []string{one, two},
		},
		"AnotherNamespace": {
			keys: []string{one}, do: func(m migration) string { m.upgrade(); return m.run("default", m.new) },
			says: "Copied 0 Secrets", former: []string{one}, next: []string{one},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMigration(t, tc.keys...)
			if told := tc.do(m); !strings.Contains(told, tc.says) {
				t.Errorf("it said %q, want %q", told, tc.says)
			}
			want := map[string][]string{"former": append([]string{}, tc.former...), "new": append([]string{}, tc.next...)}
			if diff := cmp.Diff(want, map[string][]string{"former": m.keys(m.former), "new": m.keys(m.new)}); diff != "" {
				t.Errorf("keys: -want, +got:\n%s", diff)
			}
		})
	}
}

// TestMigrateBack says that the facade asks for the keys again after a rollback: the Namespace that they were copied to last alone says that it has them.
func TestMigrateBack(t *testing.T) {
	m := newMigration(t, "key00001")
	migrated := func(want string) {
		t.Helper()
		for _, name := range []string{m.former, m.new} {
			is, err := wasMigrated(t.Context(), cluster, name)
			if err != nil || is != (name == want) {
				t.Errorf("namespace %s: got %v and %v, want that the keys are in %s", name, is, err, want)
			}
		}
	}
	m.upgrade()
	migrated(m.new)
	m.back()
	migrated(m.former)
	m.upgrade("--delete")
	migrated(m.new)
}

// TestMigrateIntoExistingNamespace says that Helm can take over a Namespace that was there, unless it is another release's.
func TestMigrateIntoExistingNamespace(t *testing.T) {
	for name, tc := range map[string]struct {
		annotations map[string]string
		// release is whose the Namespace is in the end.
		release string
	}{
		"None":  {release: "berth"},
		"Other": {annotations: map[string]string{"meta.helm.sh/release-name": "mine"}, release: "mine"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMigration(t)
			namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: m.new, Annotations: tc.annotations}}
			if err := cluster.Create(t.Context(), namespace); err != nil {
				t.Fatal(err)
			}
			m.upgrade("--helm-release", "berth")
			if err := cluster.Get(t.Context(), client.ObjectKeyFromObject(namespace), namespace); err != nil {
				t.Fatal(err)
			}
			got := []string{
				namespace.Annotations["meta.helm.sh/release-name"], namespace.Annotations["meta.helm.sh/release-namespace"],
				namespace.Labels["app.kubernetes.io/managed-by"],
			}
			if diff := cmp.Diff([]string{tc.release, m.former, "Helm"}, got); diff != "" || namespace.Annotations[v1alpha1.AnnotationKeysMigrated] == "" {
				t.Errorf("the Namespace %v: -want, +got:\n%s", namespace.ObjectMeta, diff)
			}
		})
	}
}
