#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What the command cannot do, so that it does not get around the fence: also, and above all, as root.

# shellcheck disable=SC2016,SC2154 # inner shells expand for themselves; stderr is bats's
load lib

setup_file() {
	start_lab
	install "$ROOT/tests/tools/attempt.py" "$LAB_DIR/bin/attempt"
	sed -i '1i #!/usr/bin/python3' "$LAB_DIR/bin/attempt"
	[[ ! -e $TEST_TOOLS/foreign ]] || install "$TEST_TOOLS/foreign" "$LAB_DIR/bin"
}

# The pid, outside, of the shell of a session, for this is the only one.
shell_pid() {
	lab_host sh -c "cat $LAB_CGROUP2/cgfence/run-*/cgroup.procs"
}

# held NAME PID: the shell of the session is in its cgroup as the outside sees it, its fence has all
# of its links, and lets nothing out.
held() {
	[[ $(lab_host cat "/proc/$2/cgroup") == *"0::/"*cgfence/run-* ]]
	[[ $(lab_host find /sys/fs/bpf/cgfence/links -type f | wc -l) -ge 5 ]]
	ask "$1" "probe tcp $EVIL4 443; probe udp-sendto $EVIL4 443"
	[[ $output == $'EPERM connect\nEPERM sendto' ]]
	ask "$1" "probe tcp $GITHUB4 443"
	[[ $output == OK ]]
	lab_not_seen tcp "$EVIL4" 443
	lab_not_seen udp "$EVIL4" 443
}

# The shell of a session tries, and is held all the same.
root_tries() {
	local pid
	session root --user root --allow "$GITHUB4:443" "${@:2}"
	pid=$(shell_pid)
	ask root "$1"
	held root "$pid"
	end_session root
}

# Makes a tree whose root is no mount.
CHROOT='mkdir -p /run/tree/root
for directory in /*; do
	[ ! -L "$directory" ] || cp -P "$directory" /run/tree/root
	[ -d "$directory" ] && [ ! -L "$directory" ] && [ "$directory" != /lost+found ] || continue
	mkdir -p "/run/tree/root$directory"
	mount --rbind "$directory" "/run/tree/root$directory"
done'

# --- out of the cgroup ---------------------------------------------------------------------------

LEAVE='find / -path /proc -prune -o -name cgroup.procs -print 2>/dev/null | while read -r file; do
	echo $$ >"$file" 2>/dev/null; done'

@test "root cannot leave its cgroup by any cgroup.procs that it finds" {
	root_tries "$LEAVE"
}

@test "root with CAP_SYS_ADMIN can, and was warned of" {
	session root --user root --keep-caps sys_admin
	ask root "umount $LAB_CGROUP2; umount $LAB_CGROUP2; echo \$\$ >$LAB_CGROUP2/cgroup.procs"
	ask root "probe tcp $EVIL4 443"
	reached tcp "$EVIL4" 443
	end_session root
	[[ $(told "cap_sys_admin.*leave the fence") == 1 ]]
}

@test "root has no way by the root, the directory or the descriptors of another process" {
	root_tries "for link in /proc/[0-9]*/root /proc/[0-9]*/cwd /proc/[0-9]*/fd/*; do
		for path in $LAB_CGROUP2 ../../../../$LAB_CGROUP2; do
			echo \$\$ >\$link/\$path/cgroup.procs; done; done 2>/dev/null"
}

@test "root can neither mount, nor uncover, nor enter what others have mounted" {
	root_tries "umount -l $LAB_CGROUP2; mount --bind / /mnt; mount -t cgroup2 cgroup2 /mnt
		mount -o remount,rw /sys; mount -o remount,rw /proc/sys
		nsenter -t \$PPID -m -C sh -c 'echo \$\$ >$LAB_CGROUP2/cgroup.procs'
		unshare -Ur true; unshare -mC true; chroot /proc/1/root true
		$LEAVE" 2>/dev/null
}

@test "root that starts in a directory of cgroup2 does not stay in the one outside" {
	run --separate-stderr lab_host sh -c "cd $LAB_CGROUP2 && exec cgfence run -- sh -c \
		'echo \$\$ >cgroup.procs; cat /proc/self/cgroup; probe tcp $EVIL4 443'"
	[[ $output == *"0::/"*$'\n'"EPERM connect" ]]
	lab_not_seen tcp "$EVIL4" 443
	run --separate-stderr lab_host sh -c "cd $LAB_CGROUP2/cgfence && exec cgfence run -- echo ran"
	[[ $status == 125 && -z $output && $stderr == *"cannot be in $LAB_CGROUP2/cgfence"*"another directory"* ]]
}

@test "root may make cgroups of its own below, and is fenced in them" {
	session root --user root --allow "$GITHUB4:443"
	local pid
	pid=$(shell_pid)
	ask root "mkdir $LAB_CGROUP2/own && echo \$\$ >$LAB_CGROUP2/own/cgroup.procs && grep 0:: /proc/self/cgroup"
	[[ $output == 0::/own ]]
	held root "$pid"
	end_session root
}

@test "cgroup2 mounted at other places, with blanks in their names, is covered too" {
	run --separate-stderr lab_host unshare --mount sh -c "mkdir '/run/a place' /run/other
		mount -t cgroup2 cgroup2 '/run/a place'; mount --bind $LAB_CGROUP2 /run/other
		mount -t bpf bpf '/run/a place/cgfence' 2>/dev/null
		cgfence run -- sh -c 'echo \$\$ >\"/run/a place/cgroup.procs\"; echo \$\$ >/run/other/cgroup.procs
			ls -d \"/run/a place/cgfence\" /run/other/cgfence; probe tcp $EVIL4 443'"
	[[ $output == "EPERM connect" ]]
	lab_not_seen tcp "$EVIL4" 443
}

# On a host whose mounts are shared, as systemd has them: in a chroot or not, what is mounted outside
# while the command waits, and what the command then sees.
LATER='
cd "$1" && mkdir -p ./run/later-$3 ./run/nscd ./run/systemd/resolve && before=$(</proc/self/mountinfo)
coproc chroot . cgfence run --quiet --user "$2" -- sh -c "echo ready; read line; ls /run/later-$3"
read -r line <&"${COPROC[0]}"
[[ $(</proc/self/mountinfo) == "$before" ]] && echo same
mount -t cgroup2 cgroup2 "./run/later-$3"
echo >&"${COPROC[1]}"
cat <&"${COPROC[0]}"'

@test "what is mounted for the command is not seen outside, nor what the host mounts later by root" {
	shared() {
		run --separate-stderr lab_host unshare --mount --propagation shared bash -c "$CHROOT; $LATER" - "$@"
	}
	shared / root 1
	[[ $output == same ]]
	shared / dev 2
	[[ $output == same*cgroup.procs* ]]
	shared /run/tree/root root 3
	[[ $output == same* ]]
}

# --- undoing the fence ---------------------------------------------------------------------------

@test "root can neither see nor remove what is pinned" {
	root_tries 'rm -rf /sys/fs/bpf/* /sys/fs/bpf/cgfence; bpftool link detach pinned /sys/fs/bpf/cgfence/links/*/connect4
		bpftool link list; find / -xdev -name connect4 -delete; true' 2>/dev/null
	try --user root -- sh -c 'ls -A /sys/fs/bpf; attempt bpf'
	[[ $output == "bpf EPERM" ]]
}

@test "root with CAP_BPF sees the pins, and is warned of" {
	try --user root --keep-caps bpf -- ls /sys/fs/bpf
	[[ $output == *cgfence* && $(told "cap_bpf: the command can remove the fence") == 1 ]]
}

# --- having others act: by files of the kernel's -------------------------------------------------

GUARDED="/proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /proc/sys/net/ipv4/ip_forward"
GUARDED+=" /proc/sysrq-trigger /sys/kernel/uevent_helper /sys/fs/cgroup/*/release_agent"
GUARDED+=" /sys/fs/cgroup/*/tasks /sys/kernel/mm/transparent_hugepage/enabled /sys/kernel/profiling"
# Opens for writing, and writes nothing.
WRITABLE="for file in $GUARDED; do [ ! -e \$file ] || (: >>\$file && echo \$file) 2>/dev/null; done"

@test "root cannot write to what the kernel acts upon" {
	# The control: without the fence it could.
	run lab_host sh -c "$WRITABLE"
	[[ $output == *core_pattern* ]]
	try --user root -- sh -c "$WRITABLE; echo end"
	[[ $output == end ]]
}

@test "nor in another proc or sysfs, nor in a part of one" {
	run --separate-stderr lab_host unshare --mount sh -c 'mkdir -p /run/proc /run/sysfs /run/part
		mount -t proc proc /run/proc; mount -t sysfs sysfs /run/sysfs; mount --bind /proc/sys/kernel /run/part
		cgfence run -- sh -c "for file in /run/proc/sys/kernel/core_pattern /run/part/core_pattern \
			/run/sysfs/kernel/profiling /run/sysfs/kernel/uevent_helper; do
				(: >>\$file && echo \$file) 2>/dev/null; done; echo end"'
	[[ $output == end ]]
}

@test "root that starts in a directory of proc cannot write there" {
	run --separate-stderr lab_host sh -c 'cd /proc/sys/kernel && exec cgfence run -- sh -c \
		"(: >>core_pattern) 2>/dev/null || pwd"'
	[[ $output == /proc/sys/kernel ]]
}

@test "mounts flags that were there stay" {
	run --separate-stderr lab_host unshare --mount sh -c 'mkdir -p /run/flags
		mount -t sysfs -o nosuid,noexec,nodev sysfs /run/flags
		cgfence run -- findmnt -no OPTIONS /run/flags'
	[[ $output == ro,nosuid,nodev,noexec* ]]
}

# --- capabilities --------------------------------------------------------------------------------

capabilities() {
	capsh --decode="$(sed -n "s/^$1:[[:space:]]*//p" <<<"$output")"
}

@test "root has few capabilities, none to hand on, and gains none" {
	try --user root -- sh -c 'cat /proc/self/status'
	[[ $output == *NoNewPrivs:?1* && $output == *Seccomp:?2* ]]
	[[ $(capabilities CapBnd) == "$(capabilities CapEff)" ]]
	[[ $output == *CapInh:?0000000000000000* && $output == *CapAmb:?0000000000000000* ]]
	[[ $(capabilities CapEff) != *@(net_raw|net_admin|sys_admin|bpf|ptrace|dac_|mknod|setfcap|setpcap)* ]]
	[[ $(capabilities CapEff) == *cap_setuid* && $(capabilities CapEff) == *cap_chown* ]]
}

@test "who is not root has none, not even for programs that give some" {
	try -- sh -c 'cat /proc/self/status'
	[[ $output == *CapBnd:?0000000000000000* && $output == *CapPrm:?0000000000000000* ]]
	[[ $output == *NoNewPrivs:?1* ]]
	lab_host sh -c 'cp "$(command -v id)" /run/suid-id && chmod 4755 /run/suid-id'
	[[ $(lab_host setpriv --reuid 64042 --clear-groups /run/suid-id -u) == 0 ]]
	try -- /run/suid-id -u
	[[ $output == 64042 ]]
}

@test "--keep-caps adds capabilities, by names of any form" {
	try --user root --keep-caps net_raw,CAP_SYS_TIME -- cat /proc/self/status
	[[ $(capabilities CapEff) == *cap_net_raw*cap_sys_time* && $(capabilities CapEff) != *sys_admin* ]]
	try --user root --keep-caps all -- cat /proc/self/status
	[[ $(capabilities CapEff) == *sys_admin* ]]
	[[ $(told "--keep-caps all") == 1 ]]
}

@test "--keep-caps for who is not root changes nothing, and says so" {
	try --keep-caps net_raw -- cat /proc/self/status
	[[ $output == *CapBnd:?0000000000000000* && $(told "changes nothing") == 1 ]]
}

@test "a capability that there is not is an error with its name" {
	try --keep-caps net_raw,frob -- echo ran
	[[ $status == 125 && -z $output && $stderr == *--keep-caps*"'frob'"* ]]
}

# --- system calls --------------------------------------------------------------------------------

ATTEMPTS='vsock packet sock-packet io_uring key bpf ptrace userns'

@test "system calls that lead around the fence are refused, to root as well" {
	local expected=$'vsock EAFNOSUPPORT\npacket EAFNOSUPPORT\nsock-packet EAFNOSUPPORT\nio_uring ENOSYS'
	expected+=$'\nkey EPERM\nbpf EPERM\nptrace EPERM\nuserns EPERM\nunix OK\nnetlink OK'
	# shellcheck disable=SC2086 # one word for each
	try --user root --keep-caps net_raw -- attempt $ATTEMPTS unix netlink
	[[ $output == "$expected" ]]
	# shellcheck disable=SC2086
	try -- attempt $ATTEMPTS unix netlink
	[[ $output == "$expected" ]]
}

@test "with --no-seccomp they are not, and it says so" {
	try --no-seccomp -- attempt io_uring key ptrace userns
	[[ $output == $'io_uring OK\nkey OK\nptrace OK\nuserns OK' ]]
	[[ $(told "--no-seccomp.*TIOCSTI") == 1 ]]
}

@test "packets get out by AF_PACKET with CAP_NET_RAW and --no-seccomp, and in no other way" {
	! families_are_held || skip "this kernel runs BPF LSM: families.bats"
	local way
	for way in packet sock-packet; do
		try --user root --keep-caps net_raw --no-seccomp -- probe $way "$EVIL4" 443
		reached udp "$EVIL4" 443
		lab_mark
		try --user root --keep-caps net_raw -- probe $way "$EVIL4" 443
		[[ $status == 1 && $output == "EAFNOSUPPORT socket" ]]
		try --user root --no-seccomp -- probe $way "$EVIL4" 443
		[[ $status == 1 && $output == "EPERM socket" ]]
		lab_not_seen udp "$EVIL4" 443
	done
}

@test "the command types nothing into the terminal" {
	local terminal="script -qec"
	run lab_host $terminal "cgfence run --quiet --no-seccomp -- attempt typing" /dev/null
	[[ $(lab_host cat /proc/sys/dev/tty/legacy_tiocsti 2>/dev/null) == 0 || $output == *"typing OK"* ]]
	run lab_host $terminal "cgfence run --quiet -- attempt typing" /dev/null
	[[ $output == *"typing EPERM"* ]]
}

@test "the system calls of other architectures are no way around the filter" {
	[[ -e $TEST_TOOLS/foreign ]] || skip "this is not x86_64"
	run lab_host foreign
	[[ $output == *"32 getpid OK"* ]] || skip "the kernel runs no 32-bit programs"
	[[ $output == *"32 socketcall packet OK"* && $output == *"32 socket packet OK"* ]]
	try --user root --keep-caps net_raw -- foreign
	[[ $output == *"32 getpid OK"* && $output == *"32 socket inet OK"* ]]
	[[ $output == *"32 socket packet EAFNOSUPPORT"* && $output == *"32 socket vsock EAFNOSUPPORT"* ]]
	[[ $output == *"32 socketcall inet EAFNOSUPPORT"* && $output == *"32 socketcall packet EAFNOSUPPORT"* ]]
	[[ $output == *"32 unshare user EPERM"* && $output == *"32 bpf EPERM"* && $output == *"32 keyctl EPERM"* ]]
	[[ $output == *"x32 socket packet ENOSYS"* ]]
}

# --- other processes -----------------------------------------------------------------------------

@test "the memory of a process of the same user outside is out of reach" {
	local pid
	lab_exec host setpriv --reuid 64042 --regid 64142 --clear-groups sleep infinity &
	pid=$!
	lab_until 5 grep -q "^Uid:.64042" "/proc/$pid/status"
	# The control: the user can, without the fence.
	lab_host setpriv --reuid 64042 --regid 64142 --clear-groups python3 -c "open('/proc/$pid/mem', 'rb+')"
	try -- python3 -c "open('/proc/$pid/mem', 'rb+')"
	[[ $status == 1 && $stderr == *"Permission denied: '/proc/$pid/mem'"* ]]
	try --no-seccomp -- python3 -c "
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
print(libc.ptrace(16, $pid, 0, 0), os.strerror(ctypes.get_errno()))
print(libc.syscall(438, os.pidfd_open($pid), 0, 0), os.strerror(ctypes.get_errno()))"
	kill "$pid"
	[[ $output == $'-1 Operation not permitted\n-1 Operation not permitted' ]]
}

# --- what is inherited ---------------------------------------------------------------------------

# with_input KIND ARGUMENT…: cgfence with a descriptor of that kind as standard input.
with_input() {
	run --separate-stderr lab_sudo python3 -c '
import ctypes, os, socket, sys
kind, command = sys.argv[1], sys.argv[2:]
if kind == "io_uring":
    fd = ctypes.CDLL(None).syscall(425, 1, ctypes.create_string_buffer(256))
elif kind == "directory":
    fd = os.open("/", os.O_RDONLY)
else:
    made = socket.socket(*{"tcp": (socket.AF_INET,), "udp": (socket.AF_INET6, socket.SOCK_DGRAM),
        "packet": (socket.AF_PACKET, socket.SOCK_RAW), "unix": (socket.AF_UNIX,)}[kind])
    fd = made.fileno()
os.dup2(fd, 0)
os.execvp(command[0], command)' "$@"
}

@test "a socket, a ring or a directory as standard input is refused, and says what it is" {
	local kind
	local -A words=([tcp]="TCP socket" [udp]="UDP socket" [packet]="network socket"
		[io_uring]="[io_uring]" [directory]=directory)
	for kind in "${!words[@]}"; do
		with_input "$kind" cgfence run -- echo ran
		[[ $status == 125 && -z $output ]]
		[[ $stderr == *"standard input is a ${words[$kind]}, made outside"*--allow-inherited* ]]
	done
	nothing_left
}

@test "Unix sockets are taken, and all with --allow-inherited, which says so" {
	with_input unix cgfence run -- echo ran
	[[ $status == 0 && $output == ran && $stderr != *inherited* ]]
	with_input tcp cgfence run --allow-inherited -- echo ran
	[[ $status == 0 && $output == ran && $(told "--allow-inherited: standard input is a TCP socket") == 1 ]]
}

# --- and what it can -----------------------------------------------------------------------------

@test "files are moved and linked between directories as ever" {
	try -- sh -ec 'cd "$(mktemp -d)"; mkdir a b; echo x >a/f; mv a/f b/f; ln b/f a/g; mv a b; cat b/a/g; rm -r "$PWD"'
	[[ $status == 0 && $output == x ]]
}

@test "threads and processes are made as ever" {
	try -- python3 -c '
import multiprocessing, threading
done = []
threads = [threading.Thread(target=done.append, args=(1,)) for _ in range(3)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
with multiprocessing.Pool(2) as pool:
    print(len(done), sum(pool.map(abs, [-1, -2])))'
	[[ $status == 0 && $output == "3 3" ]]
}

@test "an interactive shell has its terminal and job control" {
	run lab_host script -qec "cgfence run --quiet -- bash --norc -ic 'sleep infinity & jobs; kill %1; wait; : </dev/tty && echo has a terminal'" /dev/null
	[[ $output == *Running*"sleep infinity"* && $output == *"has a terminal"* && $output != *"no job control"* ]]
}

@test "root becomes another user, and gives files away" {
	try --user root -- sh -c 'f=$(mktemp); chown dev "$f"; stat -c %U "$f"; rm -f "$f"; setpriv --reuid dev --clear-groups id -un'
	[[ $output == $'dev\ndev' ]]
}

# --- other hosts ---------------------------------------------------------------------------------

# As a container engine whose filter is older than the calls: ENOSYS for clone3, close_range and
# Landlock's.
OLD_ENGINE='
import ctypes, os, struct, sys
code = [(0x20, 0, 0, 0)] + [(0x15, 0, 1, n) if i % 2 == 0 else (6, 0, 0, 0x50026)
    for n in (435, 436, 444) for i in range(2)] + [(6, 0, 0, 0x7fff0000)]
raw = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
program = struct.pack("HxxxxxxQ", len(code), ctypes.addressof(raw))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(22, 2, program) == 0
os.execvp(sys.argv[1], sys.argv[1:])'

@test "without clone3, close_range and Landlock the command is confined by what there is" {
	run --separate-stderr lab_sudo bash -c 'exec "$@" 7</etc/passwd 300</' - python3 -c "$OLD_ENGINE" \
		cgfence run -- sh -c "ls /proc/self/fd; grep -c ^NoNewPrivs:.1 /proc/self/status; probe tcp $EVIL4 443"
	[[ $output == $'0\n1\n2\n3\n1\nEPERM connect' ]]
	[[ $(told "no Landlock") == 1 ]]
}

@test "in a chroot the command is confined the same" {
	run --separate-stderr lab_host unshare --mount bash -c "$CHROOT; exec chroot /run/tree/root cgfence run -- \
		sh -c 'echo \$\$ >$LAB_CGROUP2/cgroup.procs; ls -A /sys/fs/bpf; probe tcp $EVIL4 443'"
	[[ $output == "EPERM connect" ]]
	lab_not_seen tcp "$EVIL4" 443
}

# The way out that everyone knows: with the root directory elsewhere, nothing stops "..".
CLIMB='import os
root = os.stat("/")
os.makedirs("/run/below", exist_ok=True)
os.chroot("/run/below")
for _ in range(20):
    os.chdir("..")
os.chroot(".")
print("in" if os.path.samestat(root, os.stat("/")) else "out")'

@test "root does not climb out of the chroot that cgfence was called in" {
	run --separate-stderr lab_host unshare --mount bash -c "$CHROOT; exec chroot /run/tree/root python3 -c '$CLIMB'"
	[[ $output == out ]]
	run --separate-stderr lab_host unshare --mount bash -c \
		"$CHROOT; exec chroot /run/tree/root cgfence run --user root -- python3 -c '$CLIMB'"
	[[ $output != out && $stderr == *PermissionError* ]]
	# Outside of a chroot there is nothing to climb to.
	try --user root -- python3 -c "$CLIMB"
	[[ $output == in ]]
}

@test "a limit on the size of files does not cut the seccomp filter off" {
	local limit
	for limit in 1 7 8 64; do
		run --separate-stderr lab_sudo prlimit --fsize=$limit:$limit cgfence run --quiet -- \
			grep ^Seccomp: /proc/self/status
		[[ $output =~ ^Seccomp:[[:blank:]]2$ ]]
	done
}

@test "a fence that another program undoes is noticed before the command runs" {
	install "$TEST_TOOLS/undo.bpf.o" "$LAB_DIR"
	lab_host bpftool prog load "$LAB_DIR/undo.bpf.o" /sys/fs/bpf/undo || skip "no bpf_set_retval"
	lab_host bpftool cgroup attach "$LAB_CGROUP2" connect4 pinned /sys/fs/bpf/undo multi
	try --allow any -- echo ran
	lab_host bpftool cgroup detach "$LAB_CGROUP2" connect4 pinned /sys/fs/bpf/undo
	lab_host rm /sys/fs/bpf/undo
	[[ $status == 125 && -z $output && $stderr == *"the fence does not hold the command"* ]]
	try --allow any -- echo ran
	[[ $output == ran ]]
}

@test "where the command cannot be confined it is not run, and the step is named" {
	run --separate-stderr lab_sudo python3 -c "${OLD_ENGINE/(435, 436, 444)/(165,)}" \
		cgfence run -- echo ran
	[[ $status == 125 && -z $output && $stderr == *"mounts of its own"*$'\n  '* ]]
	run --separate-stderr lab_sudo python3 -c "${OLD_ENGINE/(435, 436, 444)/(317,)}" \
		cgfence run -- echo ran
	[[ $status == 125 && -z $output && $stderr == *"seccomp filter"*--no-seccomp* ]]
	nothing_left
}
