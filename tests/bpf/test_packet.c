// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What leaves: packets by chance, under policies by chance, from raw sockets that were made inside
 * before the fence stood; a second opinion, and the wire. CGFENCE_PACKET_SEED and
 * CGFENCE_PACKET_COUNT change which and how many.
 */
#include "made_packet.h"
#include "raw.h"

#define SEED_DEFAULT 20260726
#define COUNT_DEFAULT 20000
#define BATCH 250

struct batch {
	struct packet packets[BATCH];
	int errors[BATCH];
	bool seen[BATCH];
	size_t count;
};

static void mark_seen(const struct frame *frame, size_t length, void *data)
{
	struct batch *batch = data;
	size_t i;

	for (i = 0; i < batch->count; i++)
		if (frame_is(frame, length, &batch->packets[i]))
			batch->seen[i] = true;
}

static void send_batch(const struct fenced *fenced, const struct raw *raw, struct batch *batch)
{
	size_t i;

	memset(batch->seen, 0, sizeof(batch->seen));
	for (i = 0; i < batch->count; i++)
		batch->errors[i] = send_inside(raw, &batch->packets[i]);
	each_frame(fenced, raw, mark_seen, batch);
}

static void print_packet(const struct packet *packet)
{
	size_t i;

	print_error("%s socket: ", packet->family == AF_INET ? "IPv4" : "IPv6");
	for (i = 0; i < packet->length; i++)
		print_error("%02x", packet->bytes[i]);
	print_error("\n");
}

/* --- by chance ----------------------------------------------------------------------------------
 */

/* What the kernel itself does not send is no case of ours, and must be rare. */
struct tally {
	size_t sent, passed, unsendable, wrong;
};

static void judge(struct tally *tally, const struct made_policy *policy, const struct batch *batch,
		  size_t i)
{
	const struct packet *packet = &batch->packets[i];
	bool expected;

	if (batch->errors[i] && batch->errors[i] != EPERM) {
		tally->unsendable++;
		return;
	}
	expected = may_leave(policy->said, policy->count, packet->family, packet->bytes,
			     packet->length);
	tally->sent++;
	tally->passed += expected;
	if (batch->seen[i] == expected && (batch->errors[i] == EPERM) == !expected)
		return;
	print_error("%s; it should have been %s, under\n%s", batch->seen[i] ? "passed" : "dropped",
		    expected ? "passed" : "dropped", policy->text);
	print_packet(packet);
	tally->wrong++;
}

static void judge_batch(struct tally *tally, const struct made_policy *policy,
			const struct batch *batch)
{
	size_t i;

	for (i = 0; i < batch->count; i++)
		judge(tally, policy, batch, i);
}

/* An audit lets pass whatever it is: then what is missing otherwise is missing for the fence. */
static void assert_all_seen(const struct batch *batch)
{
	size_t i;

	for (i = 0; i < batch->count; i++) {
		if (batch->errors[i] != EPERM && (batch->seen[i] || batch->errors[i]))
			continue;
		print_packet(&batch->packets[i]);
		fail_msg("not seen in audit mode: %s", strerror(batch->errors[i]));
	}
}

static void make_batch(struct chance *chance, const struct made_policy *policy, struct batch *batch)
{
	for (batch->count = 0; batch->count < BATCH; batch->count++)
		batch->packets[batch->count] = make_packet(chance, policy,
							   (uint16_t)(batch->count + 1));
}

static void run_batch(struct fenced *fenced, const struct raw *raw, struct chance *chance,
		      struct tally *tally)
{
	const struct made_policy policy = make_policy_by_chance(chance);
	const struct address fresh = { { [10] = 0xff, 0xff, 198, 51, 100, 70 } };
	const struct address gone = { { [10] = 0xff, 0xff, 198, 51, 100, 71 } };
	struct batch batch;

	put_fence_up(fenced, policy.text);
	learn_name(fenced, "fresh.test", &fresh, 0);
	learn_name(fenced, "gone.test", &gone, GONE_S);
	make_batch(chance, &policy, &batch);
	send_batch(fenced, raw, &batch);
	judge_batch(tally, &policy, &batch);
	set_mode(fenced, CGF_MODE_AUDIT);
	send_batch(fenced, raw, &batch);
	assert_all_seen(&batch);
	take_fence_down(fenced);
}

static void what_leaves_is_what_the_rules_say(void **state)
{
	struct chance chance = { .state = setting("CGFENCE_PACKET_SEED", SEED_DEFAULT) };
	const uint64_t count = setting("CGFENCE_PACKET_COUNT", COUNT_DEFAULT);
	struct fenced *fenced = *state;
	_cleanup_raw_ struct raw raw = open_raw(fenced);
	struct tally tally = {};

	print_message("CGFENCE_PACKET_SEED=%llu CGFENCE_PACKET_COUNT=%llu\n",
		      (unsigned long long)chance.state, (unsigned long long)count);
	while (tally.sent + tally.unsendable < count)
		run_batch(fenced, &raw, &chance, &tally);
	print_message("%zu packets, %zu of them to pass; %zu that the kernel does not send\n",
		      tally.sent, tally.passed, tally.unsendable);
	assert_int_equal(tally.wrong, 0);
	/* Or it would show little. */
	assert_true(tally.passed > tally.sent / 20 && tally.unsendable < tally.sent / 10);
}

/* --- what has run out ---------------------------------------------------------------------------
 */

#define GONE "198.51.100.71"

static struct cgf_key gone_key(void)
{
	return (struct cgf_key){ .address = { [10] = 0xff, 0xff, 198, 51, 100, 71 },
				 .port = 443,
				 .protocol = IPPROTO_TCP,
				 .port_bits = CGF_PORT_BITS_ONE };
}

static uint64_t used_ns(const struct fenced *fenced)
{
	const struct cgf_key key = gone_key();
	struct cgf_entry entry;

	assert_int_equal(datapath_allow_read(fenced->maps, &key, &entry), 0);
	return entry.used_ns;
}

/* As if it had been used long ago. */
static void make_idle(const struct fenced *fenced)
{
	const struct cgf_entry entry = { .expires_ns = 1, .used_ns = 1 };
	const struct cgf_key key = gone_key();
	size_t written;

	assert_int_equal(datapath_allow_write(fenced->maps, &key, &entry, 1, &written), 0);
}

static bool segment_leaves(const struct fenced *fenced, const struct raw *raw, uint8_t flags)
{
	const union endpoint from = endpoint_of(OUR_IPV4, 40000), to = endpoint_of(GONE, 443);
	struct packet packet = plain_packet(flags, &from, &to);

	set_number(&packet, 1);
	return leaves(fenced, raw, &packet);
}

static void a_flow_outlives_its_entry_and_keeps_it(void **state)
{
	const struct address gone = { { [10] = 0xff, 0xff, 198, 51, 100, 71 } };
	struct fenced *fenced = *state;
	_cleanup_raw_ struct raw raw = open_raw(fenced);
	uint64_t before_ns;

	put_fence_up(fenced, "allow gone.test:443/tcp\n");
	learn_name(fenced, "gone.test", &gone, GONE_S);
	assert_false(segment_leaves(fenced, &raw, TCP_SYN));
	assert_int_equal(used_ns(fenced), 0);
	assert_true(segment_leaves(fenced, &raw, TCP_ACK));
	assert_true(used_ns(fenced) > 0 && used_ns(fenced) <= monotonic_ns());
	make_idle(fenced);
	before_ns = monotonic_ns();
	assert_false(segment_leaves(fenced, &raw, TCP_SYN));
	assert_int_equal(used_ns(fenced), 1);
	assert_true(segment_leaves(fenced, &raw, TCP_SYN | TCP_ACK));
	/* The coarse clock may be a tick behind. */
	assert_true(used_ns(fenced) + NSEC_PER_SEC > before_ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FENCED_TEST(what_leaves_is_what_the_rules_say),
		FENCED_TEST(a_flow_outlives_its_entry_and_keeps_it),
	};

	return cmocka_run_group_tests(tests, set_up_fenced, tear_down_fenced);
}
