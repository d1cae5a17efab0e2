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

_cgfence_policies() {
	local path names=()
	for path in /etc/cgfence/policies.d/*.policy; do
		path=${path##*/}
		path=${path%.policy}
		# Others are no names of policies, and compgen would expand them.
		[[ $path == *[!A-Za-z0-9_-]* ]] || names+=("$path")
	done
	_cgfence_reply "" -W "${names[*]}" -- "$1"
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

# Directories; the cgroups are among them.
_cgfence_sockets() {
	case ${words[-1]} in
	-*) _cgfence_reply "" -W "--json -h --help" -- "${words[-1]}" ;;
	*)
		compopt -o filenames 2>/dev/null
		_cgfence_reply "" -d -- "${words[-1]}"
		;;
	esac
}

# The names of fences, which only root sees.
_cgfence_status() {
	local path names=()
	case ${words[-1]} in
	-*) _cgfence_reply "" -W "--json -h --help" -- "${words[-1]}" ;;
	*)
		for path in /sys/fs/bpf/cgfence/links/*/; do
			path=${path%/}
			path=${path##*/}
			# Others are not of ours, and compgen would expand them.
			[[ $path == *[!A-Za-z0-9_-]* ]] || names+=("$path")
		done
		_cgfence_reply "" -W "${names[*]}" -- "${words[-1]}"
		;;
	esac
}

# readline replaces only what stands behind the last of COMP_WORDBREAKS in the word.
_cgfence_cut() {
	local word=${words[-1]} breaks=
	[[ $COMP_WORDBREAKS != *=* ]] || breaks+='='
	[[ $COMP_WORDBREAKS != *:* ]] || breaks+=':'
	[[ -z $breaks ]] || COMPREPLY=("${COMPREPLY[@]#"${word%"${word##*["$breaks"]}"}"}")
}

_cgfence() {
	local words places option="" cut=yes
	COMPREPLY=()
	_cgfence_words
	if ((${#words[@]} == 2)); then
		_cgfence_reply "" -W "run sockets status --help --version" -- "${words[1]}"
	elif [[ ${words[1]} == run ]]; then
		_cgfence_run
	elif [[ ${words[1]} == sockets ]]; then
		_cgfence_sockets
	elif [[ ${words[1]} == status ]]; then
		_cgfence_status
	fi
	[[ -z $cut ]] || _cgfence_cut
}

complete -F _cgfence cgfence
