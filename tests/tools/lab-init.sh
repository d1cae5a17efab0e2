#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The first process of a laboratory: makes all of it, in namespaces of its own, and keeps the
# servers. lab.sh starts it, and says what for.

# shellcheck source=tests/tools/lab.sh
. "$(dirname "${BASH_SOURCE[0]}")/lab.sh"

lab_init() {
	set -eu
	lab_init_mounts
	lab_init_networks
	lab_init_users
	lab_init_dns
	lab_init_sites
	lab_init_recorder
	lab_until "$LAB_DEADLINE_S" lab_answers
	touch "$LAB_DIR/ready"
	wait
}

lab_init_mounts() {
	mkdir "$LAB_DIR/run/netns" "$LAB_DIR/run/sshd"
	mount --bind "$LAB_DIR/run" /run
	cp -a /etc "$LAB_DIR/etc"
	mount --bind "$LAB_DIR/etc" /etc
	mount -t bpf bpf /sys/fs/bpf
	lab_init_cgroup2
}

# cgroup2 mounted anew has the lab's cgroup as its root, as in a container.
lab_init_cgroup2() {
	case $LAB_CGROUP in
	pure) umount -R /sys/fs/cgroup ;;
	hybrid)
		if [[ $(stat -fc %T /sys/fs/cgroup) == cgroup2fs ]]; then
			umount -R /sys/fs/cgroup
			mount -t tmpfs tmpfs /sys/fs/cgroup
			mkdir "$LAB_CGROUP2"
		else
			umount -R "$LAB_CGROUP2"
		fi
		;;
	*) umount -R "$LAB_CGROUP2" ;;
	esac
	mount -t cgroup2 cgroup2 "$LAB_CGROUP2"
}

# The internet takes every address for its own ("local default"), but for the host's.
lab_init_networks() {
	local host=$LAB_NETNS-host internet=$LAB_NETNS-internet site
	ip netns add "$host"
	ip netns add "$internet"
	ip link add eth0 netns "$host" type veth peer name eth0 netns "$internet"
	ip -n "$host" -batch - <<-END
		link set lo up
		link set eth0 addrgenmode none up
		address add $LAB_HOST4/24 dev eth0 noprefixroute
		address add $LAB_HOST6/64 dev eth0 nodad noprefixroute
		address add fe80::2/64 dev eth0 nodad
		route add $LAB_GATEWAY4 dev eth0 src $LAB_HOST4
		route add 0.0.0.0/0 via $LAB_GATEWAY4 src $LAB_HOST4
		route add $LAB_GATEWAY6 dev eth0 src $LAB_HOST6
		route add ::/0 via $LAB_GATEWAY6 src $LAB_HOST6
	END
	{
		cat <<-END
			link set lo up
			link set eth0 addrgenmode none up
			address add $LAB_GATEWAY4/32 dev eth0
			address add $LAB_GATEWAY6/128 dev eth0 nodad
			address add fe80::1/64 dev eth0 nodad
			route add $LAB_HOST4 dev eth0
			route add $LAB_HOST6 dev eth0
			route add local 0.0.0.0/0 dev lo table main
			route add local ::/0 dev lo table main
		END
		printf 'address add %s/32 dev eth0\n' $LAB_NS4 $LAB_SILENT_NS4 "${LAB_SITE4[@]}"
		printf 'address add %s/128 dev eth0 nodad\n' $LAB_NS6 $LAB_SILENT_NS6 "${LAB_SITE6[@]}"
	} | ip -n "$internet" -batch -
	# Ping sockets for everyone, as distributions set it: a test shall fail for the fence alone.
	nsenter --net="/run/netns/$host" bash -c \
		'echo 0 2147483647 >/proc/sys/net/ipv4/ping_group_range'
}

# In the copy of /etc that only the lab sees: users, resolver, no names but localhost.
lab_init_users() {
	local user uid gid
	sed -i '/^\(git\|dev\):/d' /etc/passwd /etc/shadow /etc/group
	# dev has another number as a group, and a second group: neither may be lost on the way.
	for user in git:$LAB_GIT_UID:$LAB_GIT_UID dev:$LAB_DEV_UID:$LAB_DEV_GID; do
		gid=${user##*:} user=${user%:*}
		uid=${user#*:} user=${user%:*}
		echo "$user:x:$uid:$gid::$LAB_DIR/home/$user:/bin/bash" >>/etc/passwd
		echo "$user:*:19000:0:99999:7:::" >>/etc/shadow
		echo "$user:x:$gid:" >>/etc/group
		install -d -o "$uid" -g "$gid" "$LAB_DIR/home/$user"
	done
	sed -i '/^second:/d' /etc/group
	echo "second:x:64044:dev" >>/etc/group
	grep -q ^sshd: /etc/passwd || echo 'sshd:x:64043:65534::/run/sshd:/usr/sbin/nologin' >>/etc/passwd
	rm -f /etc/resolv.conf /etc/nsswitch.conf /etc/hosts
	printf 'nameserver %s\n' $LAB_NS4 $LAB_NS6 >/etc/resolv.conf
	printf '%s\n' 'passwd: files' 'group: files' 'shadow: files' 'hosts: files dns' \
		'services: files' >/etc/nsswitch.conf
	printf '%s\n' '127.0.0.1 localhost' '::1 localhost' "127.0.1.1 $HOSTNAME" >/etc/hosts
	install -d -m 700 -o $LAB_DEV_UID -g $LAB_DEV_GID "$LAB_HOME/.ssh"
}

lab_on_internet() {
	nsenter --net="/run/netns/$LAB_NETNS-internet" "$@"
}

lab_init_dns() {
	local directory=$LAB_DIR/internet/dns site
	mkdir "$directory"
	{
		printf '@ 60 SOA ns hostmaster 1 3600 600 86400 1\n@ 60 NS ns\n'
		printf 'ns 60 A %s\nns 60 AAAA %s\n' $LAB_NS4 $LAB_NS6
		for site in "${LAB_SITES[@]}"; do
			printf '%s 60 A %s\n%s 60 AAAA %s\n' "$site" "${LAB_SITE4[$site]}" "$site" "${LAB_SITE6[$site]}"
		done
		cat "$LAB_DIR/internet/records"
	} >"$directory/test.zone"
	cat >"$directory/knot.conf" <<-END
		server:
		  listen: [ $LAB_NS4@53, $LAB_NS6@53 ]
		  rundir: $directory
		  user: root:root
		  udp-workers: 1
		  tcp-workers: 1
		  background-workers: 1
		database:
		  storage: $directory
		log:
		  - target: stdout
		    any: info
		acl:
		  - id: update
		    address: [ 198.51.100.0/24, 2001:db8:1::/64 ]
		    action: update
		zone:
		  - domain: test
		    file: $directory/test.zone
		    acl: update
		    zonefile-sync: -1
		    journal-content: none
	END
	lab_on_internet knotd -c "$directory/knot.conf" >"$LAB_DIR/log/dns" 2>&1 &
}

lab_init_sites() {
	local site
	ssh-keygen -q -t ed25519 -N '' -C dev -f "$LAB_HOME/.ssh/id_ed25519"
	install -m 644 "$LAB_HOME/.ssh/id_ed25519.pub" "$LAB_DIR/internet/authorized_keys"
	for site in "${LAB_SITES[@]}"; do
		lab_init_site "$site" "$LAB_DIR/internet/$site" "${LAB_SITE4[$site]}" "${LAB_SITE6[$site]}"
	done
	chown $LAB_DEV_UID:$LAB_DEV_GID "$LAB_HOME"/.ssh/*
}

# A git server as the big ones are: the user git may fetch /repo, and gets a greeting otherwise.
lab_init_site() {
	local site=$1 directory=$2 ipv4=$3 ipv6=$4
	mkdir "$directory"
	lab_make_repository "$directory/repo" "$site"
	ssh-keygen -q -t ed25519 -N '' -C "$site" -f "$directory/key"
	echo "$site.test,$ipv4,$ipv6 $(<"$directory/key.pub")" >>"$LAB_HOME/.ssh/known_hosts"
	cat >"$directory/shell" <<-END
		#!/bin/sh
		case \$SSH_ORIGINAL_COMMAND in
		"git-upload-pack '/repo'") exec git upload-pack $directory/repo ;;
		*) echo "served by $site.test" ;;
		esac
	END
	chmod 755 "$directory/shell"
	cat >"$directory/sshd_config" <<-END
		ListenAddress $ipv4
		ListenAddress $ipv6
		HostKey $directory/key
		AuthorizedKeysFile $LAB_DIR/internet/authorized_keys
		ForceCommand $directory/shell
		AllowUsers git
		LogLevel VERBOSE
		MaxStartups 100
		PasswordAuthentication no
		PidFile none
		PrintMotd no
		StrictModes no
		UsePAM no
	END
	lab_on_internet /usr/sbin/sshd -D -f "$directory/sshd_config" -E "$LAB_DIR/log/$site" &
}

lab_make_repository() {
	git init -q --bare --template= --initial-branch=main "$1"
	git -C "$1" fast-import --quiet <<-END
		commit refs/heads/main
		committer $2 <git@$2.test> 1700000000 +0000
		data 5
		first
		M 100644 inline README
		data <<LINES
		This is the repository of $2.test.
		LINES
	END
	chown -R $LAB_GIT_UID:$LAB_GIT_UID "$1"
}

lab_init_recorder() {
	lab_on_internet python3 "$LAB_TOOLS/recorder.py" --interface eth0 --log "$LAB_LOG" \
		--ready "$LAB_DIR/recorder-ready" --http $LAB_HTTP_PORTS --echo $LAB_ECHO_PORTS \
		--silent "$LAB_SILENT_NS4:53" --silent "[$LAB_SILENT_NS6]:53" &
}

lab_answers() {
	local site
	[[ -e $LAB_DIR/recorder-ready ]] || return
	for site in "${LAB_SITES[@]}"; do
		(($(grep -c 'Server listening on' "$LAB_DIR/log/$site" 2>/dev/null) == 2)) || return
	done
	lab_on_internet kdig +short +retry=0 +timeout=1 @$LAB_NS4 ns.test AAAA 2>/dev/null |
		grep -qxF $LAB_NS6
}

lab_init
