#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Includes point downwards only, and one module touches each foreign library. A module is the files
# that share the first part of their name: datapath_policy.c belongs to datapath.
set -u

cd "$(dirname "$0")/../.." || exit 1
wrong=0

# Lowest first. A module may include those of its own layer and of the layers below.
layers=(
	"util failure file cgfence"
	"address span text escape http heap mountinfo resolvconf dname question answer"
	"name rule policyfile decision standing stranger summary json table report probes hosts timer journal"
	"account capability cgroup client conntrack descriptors diag filter inherited landlock mounts netns tree routes watch notify server"
	"datapath dns sockets refresh resolver flows strangers powers refusal engine target arrivals places policydir"
	"collect confine entries policy launch cut standings"
	"fence"
	"options output print"
	"names decisions resolvers"
	"keeper command policies"
	"json_api metrics"
	"api"
	"daemon"
	"cmd main"
)

# library header -> the module that may include it
declare -A owners=(
	[bpf/]=datapath
	[cgfence.skel.h]=datapath
	[notice.skel.h]=datapath
	[ares.h]=dns
	[jansson.h]="json json_api"
	[cap-ng.h]="account capability"
	[libmnl/]="conntrack diag routes"
	[seccomp.h]=filter
	[event2/]="timer watch sockets resolver resolvers dns names decisions cmd arrivals places server daemon policies"
	[uthash.h]="entries policy policyfile report probes hosts strangers arrivals places metrics policies"
	[utlist.h]="entries report probes arrivals places server api"
)

module_of() {
	local name=${1##*/}
	name=${name%.[ch]}
	case $name in
	cmd_*) echo cmd ;;
	dns_reply) echo dns ;;
	json_api*) echo json_api ;; # above the policies, json below them
	*) echo "${name%%_*}" ;;
	esac
}

layer_of() {
	local i
	for i in "${!layers[@]}"; do
		case " ${layers[i]} " in
		*" $1 "*) echo "$i" && return ;;
		esac
	done
	echo none
}

complain() {
	echo "$1" >&2
	wrong=1
}

check_own() { # FILE HEADER
	local from to
	from=$(layer_of "$(module_of "$1")")
	to=$(layer_of "$(module_of "$2")")
	if [ "$from" = none ] || [ "$to" = none ]; then
		complain "$1: $2: not in the list of layers"
	elif [ "$to" -gt "$from" ]; then
		complain "$1: includes $2, which is above it"
	fi
}

check_foreign() { # FILE HEADER
	local prefix module
	module=$(module_of "$1")
	for prefix in "${!owners[@]}"; do
		case $2 in
		"$prefix"*) ;;
		*) continue ;;
		esac
		case " ${owners[$prefix]} " in
		*" $module "*) ;;
		*) complain "$1: includes <$2>, which is for: ${owners[$prefix]}" ;;
		esac
	done
}

for file in user/*.[ch]; do
	while read -r header; do
		case $header in
		*.skel.h) check_foreign "$file" "$header" ;;
		*) check_own "$file" "$header" ;;
		esac
	done < <(sed -n 's/^#include "\(.*\)"/\1/p' "$file")
	while read -r header; do
		check_foreign "$file" "$header"
	done < <(sed -n 's/^#include <\(.*\)>/\1/p' "$file")
done

# Every SEC() of the one object is a one-liner into the headers.
awk '/^SEC\("/ { if ($0 !~ /license/) { getline a; getline b; getline c; getline d
	if (b != "{" || c !~ /^\treturn [a-z0-9_]+_impl\([a-z, ]*\);$/ || d != "}") { print FILENAME ": " a; bad = 1 } } }
	END { exit bad }' bpf/cgfence.bpf.c || complain "bpf/cgfence.bpf.c: SEC() functions only call their _impl"

exit $wrong
