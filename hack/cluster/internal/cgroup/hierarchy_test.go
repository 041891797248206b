package cgroup

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	cases := map[string]struct {
		reason         string
		mounts, groups string
		unified        bool
		want           []hierarchy
	}{
		"V1": {
			mounts: "30 24 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n" +
				"31 24 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n",
			groups: "4:memory:/jobs/7\n1:name=systemd:/\n",
			want: []hierarchy{
				{options: "memory", current: "/sys/fs/cgroup/memory/jobs/7"},
				{options: "name=systemd", current: "/sys/fs/cgroup/systemd"},
			},
		},
		"V1Together": {
			reason: "Controllers that share a tree may be listed in another order where it is mounted.",
			mounts: "30 24 0:26 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpuacct,cpu\n",
			groups: "3:cpu,cpuacct:/user.slice\n",
			want:   []hierarchy{{options: "cpu,cpuacct", current: "/sys/fs/cgroup/cpu,cpuacct/user.slice"}},
		},
		"V1Container": {
			reason: "Without a cgroup namespace the tree is mounted from the container's own group on.",
			mounts: "30 24 0:26 /docker/ab /sys/fs/cgroup/pids ro - cgroup cgroup rw,pids\n",
			groups: "8:pids:/docker/ab/sub\n",
			want:   []hierarchy{{options: "pids", current: "/sys/fs/cgroup/pids/sub"}},
		},
		"Hybrid": {
			reason: "v2 beside v1 has no controllers.",
			mounts: "30 24 0:26 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n" +
				"32 24 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
			groups: "8:pids:/a\n0::/a\n",
			want:   []hierarchy{{options: "pids", current: "/sys/fs/cgroup/pids/a"}},
		},
		"V2": {
			mounts:  "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n",
			groups:  "0::/user.slice/session-1.scope\n",
			unified: true,
			want:    []hierarchy{{current: "/sys/fs/cgroup/user.slice/session-1.scope"}},
		},
		"NotMounted": {
			mounts: "30 24 0:26 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n",
			groups: "9:misc:/\n8:pids:/\n",
			want:   []hierarchy{{options: "pids", current: "/sys/fs/cgroup/pids"}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := parse(tc.mounts, tc.groups, tc.unified)
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(hierarchy{})); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
