// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * bench_resolver SERVER COUNT: asks SERVER for A and AAAA of n1.bulk.test to nCOUNT.bulk.test
 * through the resolver module, and prints what it took. Exits with 1 if a question failed.
 */
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "resolver.h"
#include "util.h"

struct bench {
	struct event_base *base;
	struct resolver *resolver;
	size_t addresses;
	size_t failed;
};

static void on_answer(const struct resolver_answer *answer, void *data)
{
	struct bench *bench = data;

	bench->addresses += answer->count;
	bench->failed += answer->status != RESOLVER_OK;
	if (resolver_settled(bench->resolver))
		event_base_loopbreak(bench->base);
}

static uint64_t cpu_ns(const struct rusage *usage)
{
	return (uint64_t)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * NSEC_PER_SEC +
	       (uint64_t)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) * 1000;
}

static void print_cost(const struct bench *bench, size_t count, uint64_t wall_ns,
		       const struct rusage *before, const struct rusage *after)
{
	printf("%zu names, %zu addresses, %zu questions failed\n", count, bench->addresses,
	       bench->failed);
	printf("wall %.1f ms, cpu %.2f us a name, max rss %ld KiB, %ld KiB more than before\n",
	       (double)wall_ns / NSEC_PER_MSEC,
	       (double)(cpu_ns(after) - cpu_ns(before)) / 1000 / (double)count, after->ru_maxrss,
	       after->ru_maxrss - before->ru_maxrss);
}

static int bench_run(struct bench *bench, const struct address *server, size_t count)
{
	struct resolver_options options = { .base = bench->base,
					    .servers = server,
					    .server_count = 1,
					    .answer = on_answer,
					    .answer_data = bench };
	struct rusage before, after;
	uint64_t start_ns;
	char name[64];
	int r;

	getrusage(RUSAGE_SELF, &before);
	start_ns = monotonic_ns();
	r = resolver_init(&bench->resolver, &options, NULL);
	for (size_t i = 1; r == 0 && i <= count; i++) {
		snprintf(name, sizeof(name), "n%zu.bulk.test", i);
		r = resolver_add(bench->resolver, name, NULL);
	}
	if (r < 0)
		return r;
	event_base_dispatch(bench->base);
	start_ns = monotonic_ns() - start_ns;
	getrusage(RUSAGE_SELF, &after);
	print_cost(bench, count, start_ns, &before, &after);
	return 0;
}

int main(int argc, char **argv)
{
	struct event_config *config = event_config_new();
	struct bench bench = { 0 };
	struct address server;
	size_t count;
	int r;

	if (argc != 3 || address_parse(argv[1], &server) < 0) {
		fprintf(stderr, "usage: bench_resolver SERVER COUNT\n");
		return 2;
	}
	count = strtoul(argv[2], NULL, 10);
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	bench.base = event_base_new_with_config(config);
	event_config_free(config);
	r = bench_run(&bench, &server, count);
	if (r < 0)
		fprintf(stderr, "bench_resolver: %s\n", strerror(-r));
	resolver_finish(&bench.resolver);
	event_base_free(bench.base);
	return r < 0 || bench.failed;
}
