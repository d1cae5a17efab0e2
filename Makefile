# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# make            build/cgfence
# make demo       the main job on real input, as root
# make test       every test, as root
# make test-kernels  some of them on other kernels, in virtual machines, as root
# make escape     every way out, tried under each profile; writes README's table, as root
# make bench      what the fence costs, side by side, as root
# All output goes below build/. SANITIZE=1 builds with ASan and UBSan, below build/sanitize/.

PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR ?=
CC = clang
CLANG ?= clang
BPFTOOL ?= $(shell command -v bpftool || echo /usr/sbin/bpftool)
# Debian 12's valgrind cannot read the DWARF 5 of clang 14.
CFLAGS ?= -O2 -gdwarf-4
VERSION := 0.1.0

PACKAGES_BUILD := clang llvm make pkg-config libbpf-dev bpftool libelf-dev zlib1g-dev libc6-dev \
	linux-libc-dev libc-ares-dev libevent-dev libjansson-dev libcap-ng-dev libmnl-dev \
	libseccomp-dev uthash-dev
PACKAGES_RUN := netbase
# With real containers and services: see tests/e2e/engines.bash and systemd.bash.
PACKAGES_ENGINES := aardvark-dns busybox-static docker.io iptables netavark podman runc systemd
# The laboratory that the demo and the tests share.
PACKAGES_DEMO := curl git iproute2 knot knot-dnsutils openssh-client openssh-server python3 util-linux
PACKAGES_TEST := $(PACKAGES_ENGINES) $(PACKAGES_DEMO) \
	bats bsdutils gcc golang-go libcap2-bin libclang-rt-14-dev libcmocka-dev mandoc musl-tools \
	nftables nodejs procps strace valgrind wget zsh
PACKAGES_KERNELS := busybox-static cpio debian-archive-keyring kmod qemu-system-x86 xz-utils
PACKAGES_LINT := clang-format clang-tidy shellcheck

B := build$(if $(SANITIZE),/sanitize)
LIBRARIES := libbpf libelf zlib libcares libevent_core jansson libcap-ng libmnl libseccomp
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -DCGFENCE_VERSION='"$(VERSION)"' -Iinclude -Iuser -I$(B) \
	-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror \
	-fstack-protector-strong -fPIE $(if $(SANITIZE),-fsanitize=address$(,)undefined \
	-fno-omit-frame-pointer -fno-sanitize-recover=all) $(CFLAGS)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now,--as-needed \
	$(if $(SANITIZE),-fsanitize=address$(,)undefined) $(LDFLAGS)
LDLIBS = $(shell pkg-config --libs $(LIBRARIES))
, := ,

BPF_CFLAGS := -O2 -g -target bpf -mcpu=v3 -Wall -Wextra -Werror -Wno-unused-parameter \
	-Iinclude -Ivmlinux -I/usr/include/$(shell uname -m)-linux-gnu

SOURCES := $(wildcard user/*.c)
OBJECTS := $(SOURCES:user/%.c=$(B)/user/%.o)
# An archive, so that a test may have another of a module in its place.
MODULES := $(B)/modules.a
UNIT_TESTS := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/test_*.c))
# valgrind 3.19 does not know pidfd_open(2) and openat2(2), which those of tests/unit here come to.
# test_adopt and test_upgrade have busy threads of their own, and hung in it now and then. The child
# of test_held drops its privileges, and fails in it. test_notice reads the kernel's types, which takes
# it minutes, and test_killed makes changes some 300 times. The sanitizers run all of these.
NOT_FOR_VALGRIND := $(addprefix $(B)/tests/,unit/test_diag unit/test_flows unit/test_places \
	unit/test_strangers bpf/test_adopt bpf/test_held bpf/test_killed bpf/test_notice \
	bpf/test_upgrade)
BPF_TESTS := $(patsubst tests/bpf/%.c,$(B)/tests/bpf/%,$(wildcard tests/bpf/test_*.c))
# Short runs of them are tests; see fuzz-hooks.
BPF_FUZZERS := $(patsubst tests/bpf/%.c,$(B)/tests/bpf/%,$(wildcard tests/bpf/fuzz_*.c))

all: $(B)/cgfence
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all

$(B)/cgfence: $(B)/user/main.o $(MODULES)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LDLIBS)

$(MODULES): $(filter-out $(B)/user/main.o,$(OBJECTS))
	rm -f $@
	ar rcs $@ $^

$(B)/user/%.o: user/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Where policies are looked for; another directory is another program.
$(B)/sysconfdir: FORCE
	@mkdir -p $(@D)
	@echo '$(SYSCONFDIR)' | cmp -s - $@ || echo '$(SYSCONFDIR)' > $@
.PHONY: FORCE
$(B)/user/options.o $(B)/user/cmd_daemon.o: $(B)/sysconfdir
$(B)/user/options.o $(B)/user/cmd_daemon.o: ALL_CFLAGS += -DCGFENCE_SYSCONFDIR='"$(SYSCONFDIR)"'

# The programs of a build are pinned below the hash of their object, and the maps below that of the
# contract: keys, values, maps and hooks, whatever the comments say.
CONTRACT := include/cgfence.h bpf/maps.bpf.h bpf/cgfence.bpf.c
BUILD_ID = $(shell sha256sum $(B)/bpf/cgfence.bpf.o | cut -c1-16)
CONTRACT_ID = $(shell sed -szE 's,/\*([^*]|\*+[^*/])*\*+/,,g; s,//[^\n]*,,g' $(CONTRACT) | \
	tr -d '[:space:]' | sha256sum | cut -c1-16)
$(B)/user/datapath_build.o $(B)/user/datapath_object.o: $(B)/cgfence.skel.h
$(B)/user/datapath_notice.o: $(B)/notice.skel.h
$(B)/user/datapath_build.o: ALL_CFLAGS += -DCGFENCE_BUILD_ID='"$(BUILD_ID)"' \
	-DCGFENCE_CONTRACT_ID='"$(CONTRACT_ID)"'

$(B)/bpf/%.bpf.o: bpf/%.bpf.c
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -MMD -MP -MT $@ -c -o $@ $<
	llvm-strip -g $@

$(B)/%.skel.h: $(B)/bpf/%.bpf.o
	$(BPFTOOL) gen skeleton $< name $(subst .,_,$*)_bpf > $@

$(B)/tests/unit/%: tests/unit/%.c $(MODULES)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP $(ALL_LDFLAGS) -o $@ $< $(MODULES) $(LDLIBS) -lcmocka

# BPF decision tests: the product's headers behind a door that BPF_PROG_TEST_RUN can open.
$(B)/bpf/door.bpf.o: tests/bpf/door.bpf.c
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -Ibpf -Itests/bpf -MMD -MP -MT $@ -c -o $@ $<

$(B)/tests/bpf/%: tests/bpf/%.c $(MODULES) $(B)/door.skel.h
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Itests/bpf -MMD -MP $(ALL_LDFLAGS) -o $@ $< $(MODULES) $(LDLIBS) -lcmocka

# --- tests: each prints TAP; the runner closes with "N passed, N failed" ---

RUN_TESTS := tests/tools/run-tests.sh
PROBES := $(B)/tests/tools/probe $(B)/tests/tools/musl-client $(B)/tests/tools/undo.bpf.o \
	$(B)/tests/tools/pulse $(B)/tests/tools/clock-jump.so \
	$(addprefix $(B)/tests/tools/connects-,glibc musl cares go) \
	$(if $(filter x86_64,$(shell uname -m)),$(B)/tests/tools/foreign)

$(B)/tests/tools/probe: $(wildcard tests/tools/probe*.c) tests/tools/probe.h
	@mkdir -p $(@D)
	gcc -O2 -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -static -o $@ $(filter %.c,$^)

$(B)/tests/tools/%.bpf.o: tests/tools/%.bpf.c
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -c -o $@ $<

$(B)/tests/tools/foreign: tests/tools/foreign.c
	@mkdir -p $(@D)
	gcc -O2 -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -static -o $@ $<

$(B)/tests/tools/pulse: tests/tools/pulse.c
	@mkdir -p $(@D)
	gcc -O2 -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -static -o $@ $<

$(B)/tests/tools/%.so: tests/tools/%.c
	@mkdir -p $(@D)
	gcc -O2 -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -shared -fPIC -o $@ $<

$(B)/tests/tools/musl-client: tests/tools/musl-client.c
	@mkdir -p $(@D)
	musl-gcc -O2 -std=gnu11 -Wall -Wextra -Werror -static -o $@ $<

CONNECTS := $(addprefix tests/tools/connects_,by_name.c libc.c cares.c)
CONNECTS_CFLAGS := -O2 -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror

$(B)/tests/tools/connects-glibc: $(CONNECTS) tests/tools/connects.h
	@mkdir -p $(@D)
	gcc $(CONNECTS_CFLAGS) -o $@ $(filter %by_name.c %libc.c,$^)

$(B)/tests/tools/connects-musl: $(CONNECTS) tests/tools/connects.h
	@mkdir -p $(@D)
	musl-gcc $(CONNECTS_CFLAGS) -static -o $@ $(filter %by_name.c %libc.c,$^)

$(B)/tests/tools/connects-cares: $(CONNECTS) tests/tools/connects.h
	@mkdir -p $(@D)
	gcc $(CONNECTS_CFLAGS) -o $@ $(filter %by_name.c %cares.c,$^) -lcares

# Without cgo, so that Go asks the resolvers itself.
$(B)/tests/tools/connects-go: tests/tools/connects_by_name.go
	@mkdir -p $(@D)
	CGO_ENABLED=0 GO111MODULE=off GOCACHE=$(CURDIR)/$(B)/tests/go-cache go build -o $@ $<

# Not relocated: two processes of it have the same variables at the same addresses.
$(B)/tests/escape/escape: $(wildcard tests/escape/*.c tests/tools/probe_*.c) \
		tests/escape/escape.h tests/tools/probe.h include/cgfence.h
	@mkdir -p $(@D)
	gcc -O2 -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wno-missing-field-initializers -Werror -Iinclude \
		-static -no-pie -o $@ \
		$(filter %.c,$^)

build-tests: $(UNIT_TESTS) $(BPF_TESTS) $(BPF_FUZZERS)
build-e2e: $(B)/cgfence $(PROBES)

test: deps
	$(MAKE) check
# The same without looking for packages.
check: build-tests build-e2e
	$(MAKE) SANITIZE=1 build-tests all
	$(RUN_TESTS) unit $(UNIT_TESTS)
	$(RUN_TESTS) bpf $(BPF_TESTS) $(BPF_FUZZERS)
	$(RUN_TESTS) sanitized $(UNIT_TESTS:build/%=build/sanitize/%) \
		$(BPF_TESTS:build/%=build/sanitize/%)
	$(RUN_TESTS) valgrind $(filter-out $(NOT_FOR_VALGRIND),$(UNIT_TESTS) $(BPF_TESTS))
	$(MAKE) fuzz FUZZ_SECONDS=5
	tests/tools/lab.sh sweep
	$(RUN_TESTS) e2e $(wildcard tests/e2e/*.bats)
	$(RUN_TESTS) e2e-sanitized tests/e2e/run.bats
	$(MAKE) build-escape
	$(RUN_TESTS) escape tests/escape/escape.sh
	$(RUN_TESTS) e2e-pure tests/e2e/run.bats tests/e2e/leftovers.bats
	$(RUN_TESTS) total
.PHONY: build-tests build-e2e test check

# --- tests on other kernels: Debian's of these versions, or any in a directory, boot and lib in it ---

KERNELS ?= 5.10 6.1 6.12 6.18
KERNEL_TESTS ?= tests/kernels/start.sh $(B)/tests/unit/test_flows $(BPF_TESTS) \
	$(patsubst %,tests/e2e/%.bats,keeper trust questions answers rotation ways inbound soak)

test-kernels: deps
	@tests/tools/deps.sh $(PACKAGES_KERNELS)
	$(MAKE) build-tests build-e2e
	tests/kernels/test.sh "$(KERNELS)" $(KERNEL_TESTS)
.PHONY: test-kernels

demo:
	@tests/tools/deps.sh $(PACKAGES_BUILD) $(PACKAGES_RUN) $(PACKAGES_DEMO)
	$(MAKE) all
	tests/tools/demo.sh
.PHONY: demo

build-escape: all $(B)/tests/escape/escape
escape: deps
	$(MAKE) build-escape
	tests/escape/escape.sh --readme README.md
.PHONY: build-escape escape

deps:
	@tests/tools/deps.sh $(PACKAGES_BUILD) $(PACKAGES_RUN) $(PACKAGES_TEST)
.PHONY: deps

lint: $(B)/cgfence.skel.h $(B)/notice.skel.h
	@tests/tools/deps.sh $(PACKAGES_LINT)
	tests/tools/lint.sh
.PHONY: lint

# A server with the API over policies in memory, for malformed.py where no daemon can be.
$(B)/tests/tools/api_server: tests/tools/api_server.c tests/unit/fake_policies.h $(MODULES)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Itests/unit -MMD -MP $(ALL_LDFLAGS) -o $@ $< $(MODULES) $(LDLIBS)

# --- fuzzing: FUZZ_SECONDS for each target ---

FUZZ_SECONDS ?= 60
FUZZERS := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SOURCES := $(wildcard user/address.c user/answer.c user/dname.c user/escape.c user/question.c \
	user/span.c user/text.c user/policyfile*.c user/rule*.c)

# Of the API the whole way from the socket on, over policies in memory.
FUZZ_API_SOURCES := $(FUZZ_SOURCES) $(wildcard user/api*.c user/decision.c \
	user/failure.c user/file.c user/http*.c user/json*.c user/metrics*.c user/server*.c user/standing.c \
	user/stranger.c)

build/fuzz/fuzz_api: tests/fuzz/fuzz_api.c $(FUZZ_API_SOURCES)
	@mkdir -p $(@D)
	$(CLANG) $(filter-out -fPIE,$(ALL_CFLAGS)) -O1 -fno-sanitize-recover=all \
		-fsanitize=fuzzer,address,undefined -o $@ $< $(FUZZ_API_SOURCES) \
		-levent_core -ljansson

build/fuzz/%: tests/fuzz/%.c $(FUZZ_SOURCES)
	@mkdir -p $(@D)
	$(CLANG) $(filter-out -fPIE,$(ALL_CFLAGS)) -O1 -fno-sanitize-recover=all \
		-fsanitize=fuzzer,address,undefined -o $@ $< $(FUZZ_SOURCES)

fuzz: $(FUZZERS)
	tests/tools/fuzz.sh $(FUZZ_SECONDS) $(FUZZERS)

# Questions and answers through the real hooks, so many of them over UDP, and over TCP, and so many
# lives of policies; as root.
FUZZ_CASES ?= 2000000
FUZZ_LIVES ?= 5000
FUZZ_SEED ?= $(shell date +%s)
fuzz-hooks: $(BPF_FUZZERS)
	for fuzzer in $^; do FUZZ_CASES=$(FUZZ_CASES) FUZZ_LIVES=$(FUZZ_LIVES) FUZZ_SEED=$(FUZZ_SEED) \
		$$fuzzer || exit 1; done
.PHONY: fuzz fuzz-hooks

# --- what it costs: side by side in one run, as ratios ---

BENCH_FILES := $(addprefix $(B)/tests/bench/,connects packets messages cost cut bench_resolver \
	empty.bpf.o)

$(addprefix $(B)/tests/bench/,connects packets messages cost): $(B)/tests/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP $(ALL_LDFLAGS) -o $@ $<

$(B)/tests/bench/bench_resolver: tests/bench/bench_resolver.c $(MODULES)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP $(ALL_LDFLAGS) -o $@ $< $(MODULES) $(LDLIBS)

$(B)/tests/bench/cut: tests/bench/cut.c $(MODULES)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP $(ALL_LDFLAGS) -o $@ $< $(MODULES) $(LDLIBS) -lcmocka

$(B)/tests/bench/%.bpf.o: tests/bench/%.bpf.c
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -MMD -MP -MT $@ -c -o $@ $<

build-bench: $(BENCH_FILES) $(B)/tests/tools/pulse
bench: deps
	$(MAKE) all build-bench
	tests/bench/bench.sh
.PHONY: build-bench bench

# --- installation ---

BINDIR := $(DESTDIR)$(PREFIX)/sbin
MANDIR := $(DESTDIR)$(PREFIX)/share/man
COMPLETIONDIR := $(DESTDIR)$(PREFIX)/share/bash-completion/completions
UNITDIR := $(DESTDIR)$(PREFIX)/lib/systemd/system
ZSHDIR := $(DESTDIR)$(PREFIX)/share/zsh/site-functions

# Text that says where policies are.
define install_text
	install -D -m 644 $(1) $(2)
	sed -i 's,/etc/cgfence,$(SYSCONFDIR)/cgfence,g' $(2)
endef

install: all
	install -D -m 755 build/cgfence $(BINDIR)/cgfence
	$(call install_text,user/man/cgfence.8,$(MANDIR)/man8/cgfence.8)
	$(call install_text,user/man/cgfence-policy.5,$(MANDIR)/man5/cgfence-policy.5)
	$(call install_text,user/man/cgfence-api.7,$(MANDIR)/man7/cgfence-api.7)
	$(call install_text,user/completion/cgfence.bash,$(COMPLETIONDIR)/cgfence)
	$(call install_text,user/completion/cgfence.zsh,$(ZSHDIR)/_cgfence)
	$(call install_text,user/systemd/cgfence.service,$(UNITDIR)/cgfence.service)
	sed -i 's,/usr/local/sbin,$(PREFIX)/sbin,' $(UNITDIR)/cgfence.service
	install -d -m 755 $(DESTDIR)$(SYSCONFDIR)/cgfence/policies.d

uninstall:
	rm -f $(BINDIR)/cgfence $(MANDIR)/man8/cgfence.8 $(MANDIR)/man5/cgfence-policy.5 \
		$(MANDIR)/man7/cgfence-api.7 $(COMPLETIONDIR)/cgfence $(ZSHDIR)/_cgfence $(UNITDIR)/cgfence.service
	-rmdir --ignore-fail-on-non-empty $(DESTDIR)$(SYSCONFDIR)/cgfence/policies.d \
		$(DESTDIR)$(SYSCONFDIR)/cgfence
.PHONY: install uninstall

clean:
	rm -rf build
.PHONY: clean

-include $(shell find $(B) -name '*.d' 2>/dev/null)
