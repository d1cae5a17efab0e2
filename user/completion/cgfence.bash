# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# Completion of cgfence for bash. Works without bash-completion; with it, the command that is run
# inside the fence is completed by its own.

# readline cuts the line at COMP_WORDBREAKS, so that "github.com:22" is three words. Here it is one:
# `words`, up to the cursor, and `places`, where each begins in COMP_WORDS.
_cgfence_words() {
	local line=${COMP_LINE:0:COMP_POINT} rest i
	words=() places=()
	for ((i = 0; i <= COMP_CWORD; i++)); do
		rest=${line#"${line%%[![:space:]]*}"}
		if ((i == 0)) || [[ $rest != "$line" ]]; then
			words+=("")
			places+=("$i")
		fi
		# The cursor may be within the word.
		[[ $rest == "${COMP_WORDS[i]}"* ]] && line=${rest#"${COMP_WORDS[i]}"} || line=
		words[-1]+=${rest%"$line"}
	done
}

# What `compgen` makes of the arguments, and in front of it what the word already has.
_cgfence_reply() {
	local begin=$option$1 line
	shift
	while IFS= read -r line; do
		COMPREPLY+=("$begin$line")
	done < <(compgen "$@")
}

_cgfence_files() {
	compopt -o filenames 2>/dev/null
	_cgfence_reply "" -f -- "$1"
}

# What the daemon knows: the texts of a member in the JSON of a command. Only such as compgen would
# not expand, and without blanks.
_cgfence_known() { # MEMBER ARGUMENT...
	local member=$1 text
	shift
	"${words[0]}" "$@" ${socket:+--socket "$socket"} --json 2>/dev/null |
		grep -oE "\"$member\": ?\"[^\"]*\"" | while IFS= read -r text; do
		text=${text%\"}
		text=${text##*\"}
		[[ $text == *[\'\`\$\\\;\&\|\<\>\(\)\{\}]* ]] || printf '%s\n' "$text"
	done
}

# Of the daemon; or of the host, where none answers.
_cgfence_policy_names() {
	local path
	_cgfence_known name show | grep . && return
	for path in /etc/cgfence/policies.d/*.policy; do
		path=${path##*/}
		path=${path%.policy}
		# Others are no names of policies, and compgen would expand them.
		[[ $path == *[!A-Za-z0-9_-]* ]] || printf '%s\n' "$path"
	done
}

_cgfence_policy() {
	_cgfence_reply "" -W "$(_cgfence_policy_names)" -- "$1"
}

_cgfence_policies() {
	_cgfence_policy "$1"
	_cgfence_files "$1"
}

# A destination is a word that we know, or anything; ports are a list of services, or anything.
_cgfence_destination() {
	local text=$1 ports
	compopt -o nospace 2>/dev/null
	if [[ $text != *[:/]* ]]; then
		_cgfence_reply "" -W "any localhost private link-local multicast" -- "$text"
	elif [[ $text == \[*\]:*/* || ($text == *:*/* && $text != *:*:*) ]]; then
		_cgfence_reply "${text%/*}/" -W "tcp udp" -- "${text##*/}"
	elif [[ $text == \[*\]:* || ($text == *:* && $text != *:*:*) ]]; then
		ports=${text##*:}
		_cgfence_reply "${text%"${ports##*,}"}" -A service -- "${ports##*,}"
	elif [[ $text == */* ]]; then
		_cgfence_reply "${text%/*}/" -W "tcp udp icmp" -- "${text##*/}" # without ports
	fi
}

_cgfence_ports() {
	compopt -o nospace 2>/dev/null
	if [[ $1 == */* ]]; then
		_cgfence_reply "${1%/*}/" -W "tcp udp" -- "${1##*/}"
	else
		_cgfence_reply "${1%"${1##*,}"}" -A service -- "${1##*,}"
	fi
}

_cgfence_capabilities() {
	compopt -o nospace 2>/dev/null
	_cgfence_reply "${1%"${1##*,}"}" -W "all audit_control audit_read audit_write block_suspend bpf
		checkpoint_restore chown dac_override dac_read_search fowner fsetid ipc_lock ipc_owner
		kill lease linux_immutable mac_admin mac_override mknod net_admin net_bind_service
		net_broadcast net_raw perfmon setfcap setgid setpcap setuid sys_admin sys_boot
		sys_chroot sys_module sys_nice sys_pacct sys_ptrace sys_rawio sys_resource sys_time
		sys_tty_config syslog wake_alarm" -- "${1##*,}"
}

_cgfence_argument() {
	case $1 in
	-p | --policy) _cgfence_policies "$2" ;;
	--allow | --deny) _cgfence_destination "$2" ;;
	--listen) _cgfence_ports "$2" ;;
	--user) _cgfence_reply "" -u -- "$2" ;;
	--keep-caps) _cgfence_capabilities "$2" ;;
	--log) _cgfence_files "$2" ;;
	esac
}

# The command inside the fence, whose first word is words[$1].
_cgfence_command() {
	if declare -F _command_offset >/dev/null; then
		cut=
		_command_offset "${places[$1]}"
	elif (($1 == ${#words[@]} - 1)); then
		_cgfence_reply "" -c -- "${words[-1]}"
	else
		_cgfence_files "${words[-1]}"
	fi
}

_cgfence_run() {
	local last=$((${#words[@]} - 1)) word=${words[-1]} i
	for ((i = 2; i < last; i++)); do
		case ${words[i]} in
		-p | --policy | --allow | --deny | --listen | --dns | --user | --keep-caps | --log)
			if ((++i == last)); then
				_cgfence_argument "${words[i - 1]}" "$word"
				return
			fi
			;;
		--)
			_cgfence_command $((i + 1))
			return
			;;
		-*) ;;
		*)
			_cgfence_command "$i"
			return
			;;
		esac
	done
	case $word in
	--*=*)
		option=${word%%=*}=
		_cgfence_argument "${word%%=*}" "${word#*=}"
		;;
	-*)
		_cgfence_reply "" -W "-p --policy --allow --deny --listen --dns --audit --user
			--keep-caps --no-seccomp --no-dns-filter --allow-inherited --json --quiet
			--log -h --help" -- "$word"
		;;
	*) _cgfence_command "$last" ;;
	esac
}

# The options of a command that has no others than these, or a word that is none.
_cgfence_options() { # WORD OPTION...
	local word=$1
	shift
	_cgfence_reply "" -W "$* -h --help" -- "$word"
}

# Directories; the cgroups are among them.
_cgfence_directories() {
	compopt -o filenames 2>/dev/null
	_cgfence_reply "" -d -- "$1"
}

_cgfence_sockets() {
	case ${words[-1]} in
	-*) _cgfence_options "${words[-1]}" --json ;;
	*) _cgfence_directories "${words[-1]}" ;;
	esac
}

# The names of fences, which only root sees.
_cgfence_fences() {
	local path
	for path in /sys/fs/bpf/cgfence/links/*/; do
		path=${path%/}
		path=${path##*/}
		# Others are not of ours, and compgen would expand them.
		[[ $path == *[!A-Za-z0-9_:%-]* ]] || printf '%s\n' "$path"
	done
}

_cgfence_containers() {
	local engine
	for engine in docker podman; do
		"$engine" ps --format '{{.Names}}' 2>/dev/null
	done
}

_cgfence_units() {
	systemctl list-units --type=service,scope,slice --plain --no-legend --no-pager 2>/dev/null |
		grep -oE '^[A-Za-z0-9_.@:-]+'
}

_cgfence_processes() {
	local path
	for path in /proc/[0-9]*; do
		printf '%s\n' "${path##*/}"
	done
}

_cgfence_target() {
	case $1 in
	container:*) _cgfence_reply container: -W "$(_cgfence_containers)" -- "${1#*:}" ;;
	unit:*) _cgfence_reply unit: -W "$(_cgfence_units)" -- "${1#*:}" ;;
	pid:*) _cgfence_reply pid: -W "$(_cgfence_processes)" -- "${1#*:}" ;;
	*)
		compopt -o nospace 2>/dev/null
		_cgfence_reply "" -W "container: unit: pid:" -- "$1"
		_cgfence_directories "$1"
		;;
	esac
}

# Those that have a fence, if the daemon says so.
_cgfence_fenced() {
	local targets
	targets=$(_cgfence_known target status)
	if [[ -n $targets ]]; then
		_cgfence_reply "" -W "$targets" -- "$1"
	else
		_cgfence_target "$1"
	fi
}

# The rules that the policy has, as `remove` takes them, quoted where they have to be.
_cgfence_rules() { # POLICY WORD
	local line quoted
	while IFS= read -r line; do
		line=${line#allow }
		printf -v quoted %q "$line"
		if [[ $line != *" "* && $line == "$2"* ]]; then
			COMPREPLY+=("$line")
		elif [[ $quoted == "$2"* ]]; then
			COMPREPLY+=("$quoted")
		fi
	done < <(_cgfence_known rule show "$1")
}

# One destination, with one port: those of the policy's rules that are, or else anything.
_cgfence_one_destination() { # POLICY WORD
	local line known=
	local many='^(any|localhost|private|link-local|multicast)([:/]|$)|[*,]|/[0-9]|:[0-9]+-'
	while IFS= read -r line; do
		[[ $line == "allow "* || $line == "deny "* ]] || continue
		line=${line#* }
		line=${line%% *}
		[[ $line =~ $many ]] || known+=" $line"
	done < <(_cgfence_known rule show "$1")
	_cgfence_reply "" -W "$known" -- "$2"
	if ((${#COMPREPLY[@]})); then
		compopt -o nospace 2>/dev/null
	elif [[ $2 == *[:/]* ]]; then
		_cgfence_destination "$2"
	fi
}

_cgfence_policy_files() {
	local path
	compopt -o filenames 2>/dev/null
	while IFS= read -r path; do
		[[ ! -d $path && $path != *.policy ]] || COMPREPLY+=("$path")
	done < <(compgen -f -- "$1")
}

# Argument NUMBER, from 0, of a command, after the others, which are in `plain`.
_cgfence_plain() { # COMMAND NUMBER WORD
	case $1.$2 in
	allow.0 | remove.0 | attach.0 | check.0 | show.0 | watch.0 | delete.0) _cgfence_policy "$3" ;;
	allow.*) _cgfence_destination "$3" ;;
	check.1) _cgfence_one_destination "${plain[0]}" "$3" ;;
	remove.*) _cgfence_rules "${plain[0]}" "$3" ;;
	attach.1) _cgfence_target "$3" ;;
	detach.0) _cgfence_fenced "$3" ;;
	apply.*) _cgfence_policy_files "$3" ;;
	status.*) _cgfence_reply "" -W "$(_cgfence_fences)" -- "$3" ;;
	esac
}

_cgfence_daemon() {
	local word=${words[-1]}
	case ${words[-2]} in
	--policy-dir) _cgfence_directories "$word" ;;
	--socket) _cgfence_files "$word" ;;
	*) _cgfence_options "$word" --policy-dir --socket ;;
	esac
}

# The commands that talk to the daemon.
_cgfence_client() {
	local last=$((${#words[@]} - 1)) word=${words[-1]} special="" plain=() i
	for ((i = 2; i < last; i++)); do
		case ${words[i]} in
		--socket)
			if ((++i == last)); then
				_cgfence_files "$word"
				return
			fi
			socket=${words[i]}
			;;
		--socket=*) socket=${words[i]#*=} ;;
		-*) ;;
		*) plain+=("${words[i]}") ;;
		esac
	done
	case ${words[1]} in
	attach) special=--persistent ;;
	delete) special=--force ;;
	esac
	case $word in
	--socket=*)
		option=--socket=
		_cgfence_files "${word#*=}"
		;;
	-*) _cgfence_options "$word" --socket --json $special ;;
	*) _cgfence_plain "${words[1]}" "${#plain[@]}" "$word" ;;
	esac
}

# "--socket PATH" may stand before the command's name: it is taken out of the words.
_cgfence_take_socket() {
	local count=0
	case ${words[1]} in
	--socket) count=2 socket=${words[2]} ;;
	--socket=*) count=1 socket=${words[1]#*=} ;;
	esac
	((count && ${#words[@]} > count + 1)) || return
	words=("${words[0]}" "${words[@]:count+1}")
	places=("${places[0]}" "${places[@]:count+1}")
}

# readline replaces only what stands behind the last of COMP_WORDBREAKS in the word.
_cgfence_cut() {
	local word=${words[-1]} breaks=
	[[ $COMP_WORDBREAKS != *=* ]] || breaks+='='
	[[ $COMP_WORDBREAKS != *:* ]] || breaks+=':'
	[[ -z $breaks ]] || COMPREPLY=("${COMPREPLY[@]#"${word%"${word##*["$breaks"]}"}"}")
}

_cgfence() {
	local words places option="" cut=yes socket=""
	COMPREPLY=()
	_cgfence_words
	_cgfence_take_socket
	if ((${#words[@]} == 2)); then
		_cgfence_reply "" -W "run status sockets attach detach apply allow remove delete show
			check watch daemon --socket --help --version" -- "${words[1]}"
	else
		case ${words[1]} in
		--socket) _cgfence_files "${words[-1]}" ;;
		run) _cgfence_run ;;
		sockets) _cgfence_sockets ;;
		daemon) _cgfence_daemon ;;
		*) _cgfence_client ;;
		esac
	fi
	[[ -z $cut ]] || _cgfence_cut
}

complete -F _cgfence cgfence
