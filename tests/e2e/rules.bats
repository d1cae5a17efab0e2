#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Rules, from the command line and from files, as the kernel enforces them.

# shellcheck disable=SC2154 # stderr is bats's, policy is lib's
load lib

setup_file() {
	start_lab
}

@test "rules come from a policy file, with comments and empty lines" {
	policy build <<-END
		# what a build needs

		allow github.test:22    # sources
		allow $GITHUB4:443/tcp
	END
	try -p "$policy" -- probe tcp "$GITHUB4" 443
	reached tcp "$GITHUB4" 443
	try -p "$policy" -- probe tcp "$GITHUB4" 22
	reached tcp "$GITHUB4" 22
	try -p "$policy" -- probe tcp "$GITHUB4" 80
	refused tcp "$GITHUB4" 80
}

@test "a policy of the host is found by its name" {
	lab_host mkdir -p /etc/cgfence/policies.d
	lab_host sh -c "echo allow $GITHUB4:443 >/etc/cgfence/policies.d/build.policy"
	try -p build -- probe tcp "$GITHUB4" 443
	reached tcp "$GITHUB4" 443
}

@test "rules of files and of the command line add up" {
	local one two
	policy one <<<"allow $GITHUB4:443"
	one=$policy
	policy two <<<"allow $GITHUB4:80"
	two=$policy
	try -p "$one" -p "$two" --allow "$EVIL4:443" -- \
		sh -c "probe tcp $GITHUB4 443; probe tcp $GITHUB4 80; probe tcp $EVIL4 443
			probe tcp $EVIL4 80"
	[[ $output == $'OK\nOK\nOK\nEPERM connect' ]]
}

@test "deny beats allow, in either order" {
	try --allow "$EVIL4" --deny "$EVIL4:443" -- probe tcp "$EVIL4" 443
	refused tcp "$EVIL4" 443
	try --deny "$EVIL4:443" --allow "$EVIL4:443" -- probe tcp "$EVIL4" 443
	refused tcp "$EVIL4" 443
	try --deny "$EVIL4:443" --allow "$EVIL4" -- probe tcp "$EVIL4" 80
	reached tcp "$EVIL4" 80
}

@test "a denied prefix beats an address and a name in it" {
	try --deny 198.51.100.0/24 --allow "$GITHUB4:443" -- probe tcp "$GITHUB4" 443
	refused tcp "$GITHUB4" 443
	try --deny 198.51.100.0/28 --allow github.test:22 -- probe tcp "$GITHUB4" 22
	refused tcp "$GITHUB4" 22
	try --deny 2001:db8:1::/64 --allow github.test:22 -- probe tcp "$GITHUB6" 22
	refused tcp "$GITHUB6" 22
}

@test "a denied name beats an allowed prefix" {
	try --allow 198.51.100.0/24 --deny evil.test -- probe tcp "$EVIL4" 443
	refused tcp "$EVIL4" 443
	try --allow 198.51.100.0/24 --deny evil.test -- probe tcp "$GITHUB4" 443
	reached tcp "$GITHUB4" 443
}

@test "a rule that denies is named where it does" {
	try --allow any --deny "$EVIL4:443" -- probe tcp "$EVIL4" 443
	[[ $(told "denied tcp $EVIL4:443.*deny $EVIL4:443") -ge 1 ]]
}

@test "an IPv4 prefix allows what is in it" {
	try --allow 203.0.113.0/24:443/tcp -- probe tcp 203.0.113.5 443
	reached tcp 203.0.113.5 443
	try --allow 203.0.113.0/24:443/tcp -- probe tcp 203.0.114.5 443
	refused tcp 203.0.114.5 443
	try --allow 203.0.113.0/24:443/tcp -- probe tcp 203.0.113.5 80
	refused tcp 203.0.113.5 80
	try --allow 203.0.113.0/24:443/tcp -- probe udp-sendto 203.0.113.5 443
	refused udp 203.0.113.5 443
}

@test "an IPv6 prefix allows what is in it" {
	try --allow '[2001:db8:7::/48]:443' -- probe tcp 2001:db8:7:1::5 443
	reached tcp 2001:db8:7:1::5 443
	try --allow '[2001:db8:7::/48]:443' -- probe tcp 2001:db8:8::5 443
	refused tcp 2001:db8:8::5 443
}

@test "a prefix of every IPv6 address has no IPv4 address in it, nor the other way" {
	try --allow ::/0 -- probe tcp "$EVIL4" 443
	refused tcp "$EVIL4" 443
	try --allow ::/0 -- probe tcp-mapped "$EVIL4" 443
	refused tcp "$EVIL4" 443
	try --allow 0.0.0.0/0 -- probe tcp "$EVIL6" 443
	refused tcp "$EVIL6" 443
}

@test "port ranges, lists and service names allow what they say" {
	local port
	for port in 8000 8003 5432 80; do
		try --allow "$EVIL4:8000-8003,5432,http" -- probe tcp "$EVIL4" "$port"
		reached tcp "$EVIL4" "$port"
	done
	for port in 7999 8004 443; do
		try --allow "$EVIL4:8000-8003,5432,http" -- probe tcp "$EVIL4" "$port"
		refused tcp "$EVIL4" "$port"
	done
}

@test "localhost is loopback, 0.0.0.0 and ::, and nothing else" {
	local address
	for address in 127.0.0.1 127.5.5.5 ::1 0.0.0.0 ::; do
		try --allow localhost:9999 -- probe tcp "$address" 9999
		[[ $output == "ECONNREFUSED connect" ]]
		try --allow localhost:9999 -- probe tcp "$address" 9998
		[[ $output == "EPERM connect" ]]
	done
	try --allow localhost -- probe tcp "$EVIL4" 443
	refused tcp "$EVIL4" 443
}

@test "any allows every address, and private the private ones" {
	try --allow any:443 -- sh -c "probe tcp $EVIL4 443; probe tcp $EVIL6 443; probe tcp $EVIL4 80"
	[[ $output == $'OK\nOK\nEPERM connect' ]]
	try --allow private -- sh -c "probe tcp 10.1.2.3 443; probe tcp $EVIL4 443"
	[[ $output == $'OK\nEPERM connect' ]]
}

@test "the resolvers of resolv.conf can be asked, over UDP and TCP, and on no other port" {
	try --allow github.test:22 -- sh -c "
		kdig +short @$LAB_NS4 github.test A; kdig +short @$LAB_NS6 github.test A
		kdig +short +tcp @$LAB_NS4 github.test A; kdig +short +tcp @$LAB_NS6 github.test A
		probe udp-sendto $LAB_NS4 54; probe tcp $LAB_NS6 443"
	[[ $output == $GITHUB4$'\n'$GITHUB4$'\n'$GITHUB4$'\n'$GITHUB4$'\nEPERM sendto\nEPERM connect' ]]
	lab_not_seen udp "$LAB_NS4" 54
	lab_not_seen tcp "$LAB_NS6" 443
}

@test "no one else can be asked on port 53, even if all its ports are allowed" {
	try --allow "$EVIL4" -- probe udp-sendto "$EVIL4" 53
	refused udp "$EVIL4" 53
	try --allow "$EVIL4" -- probe tcp "$EVIL4" 53
	refused tcp "$EVIL4" 53
	try --allow any --allow "$EVIL4:1-65535" -- probe udp-sendto "$EVIL4" 53
	refused udp "$EVIL4" 53
}

@test "a rule that says port 53 opens it" {
	try --allow "$EVIL4:53/udp" -- probe udp-sendto "$EVIL4" 53
	reached udp "$EVIL4" 53
}

@test "--dns takes the place of the resolvers of resolv.conf" {
	try --dns "$LAB_NS6" --allow github.test:22 -- kdig +short "@$LAB_NS6" github.test A
	[[ $output == "$GITHUB4" ]]
	try --dns "$LAB_NS6" -- probe udp-sendto "$LAB_NS4" 53
	refused udp "$LAB_NS4" 53
	try --dns "$LAB_NS6" --allow github.test:22 -- probe tcp "$GITHUB4" 22
	reached tcp "$GITHUB4" 22
	local note='^cgfence: the command itself asks .*, which is refused: give --dns for'
	[[ $(told "$note") == 1 && $(told "itself asks $LAB_NS4, as /etc/resolv.conf says") == 1 ]]
	try --dns "$LAB_NS6" --dns "$LAB_NS4" -- true
	[[ $(told "$note") == 0 ]]
	try --dns "$LAB_NS6" --allow "$LAB_NS4:53" -- true
	[[ $(told "$note") == 0 ]]
	try --dns "$LAB_NS6" --audit -- true
	[[ $(told "$note") == 0 ]]
}

@test "a wildcard allows no address that was no answer to the command" {
	try --allow '*.test:80' -- probe tcp "$GITHUB4" 80
	refused tcp "$GITHUB4" 80
	[[ $(told "^cgfence: \\*.test") == 0 ]]
}

@test "a policy can ask for audit mode" {
	policy audit <<<'mode audit'
	try -p "$policy" -- probe tcp "$EVIL4" 443
	reached tcp "$EVIL4" 443
	[[ $(told "would deny tcp $EVIL4:443") == 1 ]]
}

@test "a name may be written in capitals and with a dot at its end" {
	try --allow GitHub.TEST.:22 -- probe tcp "$GITHUB4" 22
	reached tcp "$GITHUB4" 22
}

@test "a name takes its options as one word of the command line, and in a file" {
	try --allow "github.test:443 ttl 300 private" -- probe tcp "$GITHUB4" 443
	reached tcp "$GITHUB4" 443
	policy options <<<"allow github.test:443  private  # inside"
	try -p "$policy" -- probe tcp "$EVIL4" 443
	refused tcp "$EVIL4" 443
	try --allow "github.test ttl 0" -- echo ran
	[[ $status == 125 && -z $output ]]
	[[ $stderr == $'cgfence: --allow:17: ttl takes seconds from 1 to 86400\n    github.test ttl 0\n                    ^' ]]
	try --deny "github.test private" -- echo ran
	[[ $status == 125 && -z $output && $stderr == *"only a name that is allowed"*$'\n'*"^~~~~~~" ]]
}

@test "an IPv4 address written as a mapped one is the same address" {
	try --allow "[::ffff:$EVIL4]:443" -- probe tcp "$EVIL4" 443
	reached tcp "$EVIL4" 443
	try --allow "$EVIL4:443" -- probe tcp-mapped "$EVIL4" 443
	reached tcp "$EVIL4" 443
}

@test "a denied wildcard holds for the names that rules have" {
	try --allow github.test --allow evil.test --deny '*.test' -- probe tcp "$EVIL4" 443
	refused tcp "$EVIL4" 443
	try --allow github.test --deny '*.github.test' -- probe tcp "$GITHUB4" 443
	[[ $output == OK* ]]
}

@test "rules without a name are said to let none be looked up" {
	local note='^cgfence: no rule has a name, so none can be looked up: allow the names too$'
	try --allow any:443 --deny private -- probe tcp "$GITHUB4" 443
	reached tcp "$GITHUB4" 443
	[[ $(told "$note") == 1 ]]
	try --allow any:443 --deny private -- getent ahosts github.test
	[[ $status == 2 && $(told '^cgfence: denied question github.test \(A\)') == 1 ]]
	try --allow any:443 --deny private --no-dns-filter -- curl -sS -o /dev/null --connect-timeout 5 \
		https://github.test/ --insecure
	[[ $(told "$note") == 0 && $(told '^cgfence: denied') == 0 && $stderr != *"not resolve"* ]]
	try --allow any:443 --allow github.test:443 -- getent ahosts github.test
	[[ $status == 0 && $(told "$note") == 0 ]]
	try --allow localhost --allow 127.0.0.1:80 -- true
	[[ $(told "$note") == 0 ]]
	try --audit --allow any -- true
	[[ $(told "$note") == 0 ]]
}

@test "an allowed name of which deny rules leave nothing is said, and so is its question" {
	local note="^cgfence: the rule 'allow github.test:443' allows nothing: 'deny \\*.test' wins\$"
	try --allow github.test:443 --deny '*.test' -- getent ahosts github.test
	[[ $status == 2 && $(told "$note") == 1 ]]
	[[ $(told '^cgfence: denied question github.test \(A\) \(rule: deny \*.test\)$') == 1 ]]
	try --allow '*.test:443' --deny evil.test -- sh -c 'getent ahosts evil.test; getent ahosts other.example'
	[[ $(told "allows nothing") == 0 ]]
	[[ $(told '^cgfence: denied question evil.test \(A\) \(rule: deny evil.test\)$') == 1 ]]
	[[ $(told '^cgfence: denied question other.example \(A\)$') == 1 ]]
	try --allow github.test --deny github.test:22 -- true
	[[ $(told "allows nothing") == 0 ]]
}

@test "a denied wildcard beside allowed addresses is an error, as it could not be kept" {
	try --allow any --deny '*.test' -- true
	[[ $status == 125 && $stderr == *"'deny *.test' cannot be kept beside 'allow any'"* ]]
}

@test "a policy of the host is not replaced by a file of its name in the working directory" {
	local directory=/etc/cgfence/policies.d
	lab_host mkdir -p $directory
	lab_host sh -c "echo 'allow github.test' >$directory/web.policy; echo 'allow any' >$LAB_HOME/web"
	run --separate-stderr lab_sudo sh -c "cd $LAB_HOME && cgfence run -p web -- probe tcp $EVIL4 443"
	refused tcp "$EVIL4" 443
	lab_host rm "$directory/web.policy"
	run --separate-stderr lab_sudo sh -c "cd $LAB_HOME && cgfence run -p web -- probe tcp $EVIL4 443"
	[[ $output == OK* ]]
	lab_host rm "$LAB_HOME/web"
}

@test "more resolvers than there may be are an error" {
	local i dns=()
	for i in {1..17}; do
		dns+=(--dns "198.51.100.$i")
	done
	try "${dns[@]}" -- true
	[[ $status == 125 && $stderr == *"more than 16 resolvers"* ]]
}
