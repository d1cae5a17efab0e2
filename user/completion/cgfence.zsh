#compdef cgfence
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Completion of cgfence for zsh: a file of $fpath that is called _cgfence.

# What the daemon knows: the texts of a member in the JSON of a command, in $reply.
_cgfence_known() { # MEMBER ARGUMENT...
	local member=$1 at=${opt_args[--socket]:-$socket}
	shift
	reply=(${(f)"$(_call_program known $program ${(q)@} ${at:+--socket $at} --json 2>/dev/null |
		grep -oE "\"$member\": ?\"[^\"]*\"")"})
	reply=(${${reply%\"}##*\"})
}

# Of the daemon; or of the host, where none answers.
_cgfence_policies() {
	local -a reply
	_cgfence_known name show
	((${#reply})) || reply=(/etc/cgfence/policies.d/[A-Za-z0-9_]*.policy(N:t:r))
	_wanted policies expl policy compadd -a "$@" - reply
}

_cgfence_policies_or_files() {
	_alternative 'policies:policy:_cgfence_policies' 'files:file:_files'
}

_cgfence_destinations() {
	_wanted destinations expl destination compadd -S '' "$@" - any localhost private link-local multicast
}

# The first word of a command that is no option.
_cgfence_first() {
	local i
	REPLY=
	for ((i = 2; i < CURRENT; i++)); do
		case $words[i] in
		--socket) ((i++)) ;;
		-*) ;;
		*) REPLY=$words[i]; return ;;
		esac
	done
}

# The rules that the policy has, as `remove` takes them.
_cgfence_rules() {
	local REPLY
	local -a reply
	_cgfence_first
	_cgfence_known rule show $REPLY
	reply=(${reply#allow })
	_wanted rules expl rule compadd -a "$@" - reply
}

# One destination, with one port: those of the policy's rules that are.
_cgfence_one_destination() {
	local REPLY
	local -a reply
	_cgfence_first
	_cgfence_known rule show $REPLY
	reply=(${${${(M)reply:#(allow|deny) *}#* }%% *})
	reply=(${reply:#(any|localhost|private|link-local|multicast)(|[:/]*)})
	reply=(${reply:#(\**|*,*|*/[0-9]*|*:<->-<->(|/*))})
	_wanted destinations expl destination compadd -S '' -a "$@" - reply
}

# Directories and nothing else, also where there are none: _directories would offer files then.
_cgfence_directories() {
	_wanted cgroups expl cgroup _path_files -/ "$@"
}

_cgfence_fences() {
	local -a fences=(/sys/fs/bpf/cgfence/links/*(N/:t))
	_wanted fences expl fence compadd -a "$@" - fences
}

_cgfence_targets() {
	local -a found
	if compset -P container:; then
		found=(${(f)"$(_call_program containers docker ps --format ${(q):-'{{.Names}}'} 2>/dev/null)"}
			${(f)"$(_call_program containers podman ps --format ${(q):-'{{.Names}}'} 2>/dev/null)"})
		_wanted containers expl container compadd -a - found
	elif compset -P unit:; then
		found=(${${(f)"$(_call_program units systemctl list-units --type=service,scope,slice \
			--plain --no-legend --no-pager 2>/dev/null)"}%% *})
		_wanted units expl unit compadd -a - found
	elif compset -P pid:; then
		_pids
	else
		_alternative 'kinds:kind of target:compadd -S "" container: unit: pid:' \
			'cgroups:cgroup:_cgfence_directories'
	fi
}

# Those that have a fence, if the daemon says so.
_cgfence_fenced() {
	local -a reply
	_cgfence_known target status
	if ((${#reply})); then
		_wanted targets expl target compadd -a - reply
	else
		_cgfence_targets
	fi
}

_cgfence_run() {
	_arguments -S \
		'*'{-p,--policy}'[rules of a policy]:policy:_cgfence_policies_or_files' \
		'*--allow=[allow a destination]:rule:_cgfence_destinations' \
		'*--deny=[deny a destination]:rule:_cgfence_destinations' \
		'*--listen=[serve on ports]:ports:' \
		'*--dns=[ask this resolver]:address:' \
		'--audit[let all through, and say what would be denied]' \
		'--user=[run the command as this user]:user:_users' \
		'*--keep-caps=[leave capabilities]:capabilities:' \
		'--no-seccomp[leave all system calls]' \
		'--no-dns-filter[let any name be asked for]' \
		'--allow-inherited[let standard input, output and error be sockets]' \
		'--json[one JSON object a line]' \
		'--quiet[no denials, notes or summary]' \
		'--log=[append what is said to a file]:file:_files' \
		'(- *)'{-h,--help}'[help]' \
		'(-)1:command: _command_names -e' \
		'*::arguments:_normal'
}

_cgfence_commands() {
	local -a commands=(
		'run:run a command that reaches only what rules allow'
		'status:say of every fence whether it stands'
		'sockets:list sockets in a cgroup that no fence on it judges'
		'attach:put a policy in force on a container, service or cgroup'
		'detach:remove the fence of a container, service or cgroup'
		'apply:store files as policies, and put them in force'
		'allow:add rules to a policy'
		'remove:remove rules from a policy'
		'delete:delete a policy'
		'show:show policies, their rules and addresses'
		'check:say whether a policy allows a destination'
		'watch:tell decisions as they happen'
		'daemon:keep fences and names fresh'
	)
	_describe -t commands command commands
}

_cgfence() {
	local curcontext=$curcontext state line expl program=$words[1] socket=
	local -A opt_args
	local -a common=(
		'--socket=[the socket of the daemon]:socket:_files'
		'--json[JSON instead of text]'
		'(- *)'{-h,--help}'[help]'
	)
	_arguments -C -A '-*' '--socket=[the socket of the daemon]:socket:_files' '(- *)--help[help]' \
		'(- *)--version[version]' '1:command:_cgfence_commands' '*::argument:->argument'
	[[ $state == argument ]] || return
	socket=${opt_args[--socket]}
	case $line[1] in
	run) _cgfence_run ;;
	status) _arguments $common '*:fence:_cgfence_fences' ;;
	sockets) _arguments '--json[JSON instead of text]' '(- *)'{-h,--help}'[help]' \
		'1:cgroup:_cgfence_directories' ;;
	attach) _arguments $common '--persistent[also whenever the target comes back]' \
		'1:policy:_cgfence_policies' '2:target:_cgfence_targets' ;;
	detach) _arguments $common '1:target:_cgfence_fenced' ;;
	apply) _arguments $common '*:policy file:_files -g "*.policy"' ;;
	allow) _arguments $common '1:policy:_cgfence_policies' '*:rule:_cgfence_destinations' ;;
	remove) _arguments $common '1:policy:_cgfence_policies' '*:rule:_cgfence_rules' ;;
	delete) _arguments $common '--force[detach its fences first]' '1:policy:_cgfence_policies' ;;
	show | watch) _arguments $common '1:policy:_cgfence_policies' ;;
	check) _arguments $common '1:policy:_cgfence_policies' '2:destination:_cgfence_one_destination' ;;
	daemon) _arguments '--policy-dir=[policies]:directory:_directories' \
		'--socket=[where to listen]:socket:_files' '(- *)'{-h,--help}'[help]' ;;
	esac
}

_cgfence "$@"
