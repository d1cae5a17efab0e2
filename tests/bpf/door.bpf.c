// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A door into the decision for BPF_PROG_TEST_RUN, which cgroup programs of these types have not:
 * the same headers as the product's, behind a tc program that takes a flow from a map.
 */
#include "door.h"
#include "inbound.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct door_input);
} inputs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct door_output);
} outputs SEC(".maps");

static __always_inline void read_flow(struct cgf_flow *flow, const struct door_input *input)
{
	flow->hook = input->hook;
	flow->protocol = input->protocol;
	flow->established = input->established;
	flow_set_port(flow, bpf_htons(input->port));
	if (input->ip_version == 4)
		flow_set_ipv4(flow, input->address[3]);
	else
		flow_set_ipv6(flow, input->address);
}

SEC("tc")
int decide(struct __sk_buff *skb)
{
	struct cgf_outcome outcome = {};
	struct door_output *output;
	struct door_input *input;
	struct cgf_flow flow = {};
	__u32 zero = 0;

	input = bpf_map_lookup_elem(&inputs, &zero);
	output = bpf_map_lookup_elem(&outputs, &zero);
	if (!input || !output)
		return 1;
	read_flow(&flow, input);
	policy_decide(input->slot, &input->target, &flow, &outcome);
	output->verdict = outcome.verdict;
	output->reason = outcome.reason;
	output->rule = outcome.rule;
	output->ip_version = flow.ip_version;
	output->probe = policy_is_probe(input->slot, &input->target, &flow);
	__builtin_memcpy(output->address, flow.key.address, sizeof(output->address));
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
