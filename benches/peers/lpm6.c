/* IPv6 look-ups, 32 at a time: rte_lpm6 and rte_fib6. */

#include "peers.h"
#include "tables.h"

#include <rte_errno.h>
#include <rte_fib6.h>
#include <rte_lpm6.h>
#include <rte_memory.h>

/* The bench's input: this, the routes, the addresses (a multiple of 32), in the order of the network. */
struct input {
	uint32_t routes;
	uint32_t addresses;
};

struct route6 {
	uint8_t first[16];
	uint16_t length;
	uint16_t hop;
};

#define TBL8_GROUPS (1 << 17)

static struct rte_lpm6 *lpm;
static struct rte_fib6 *fib;
static uint8_t (*addresses)[16];
static uint32_t count;
static uint32_t next;

static int make_lpm6(const struct route6 *routes, uint32_t count)
{
	const struct rte_lpm6_config config = {
		.max_rules = count + 16,
		.number_tbl8s = TBL8_GROUPS,
	};
	uint32_t at;

	lpm = rte_lpm6_create("peers_lpm6", SOCKET_ID_ANY, &config);
	if (lpm == NULL)
		return complain("rte_lpm6_create: %s", rte_strerror(rte_errno));
	for (at = 0; at < count; at++)
		if (rte_lpm6_add(lpm, routes[at].first, (uint8_t)routes[at].length,
				 routes[at].hop) != 0)
			return complain("rte_lpm6_add: no room");
	return 0;
}

static int make_fib6(const struct route6 *routes, uint32_t count)
{
	struct rte_fib6_conf config = {
		.type = RTE_FIB6_TRIE,
		.default_nh = NO_HOP,
		.max_routes = (int)count + 16,
		.trie = {.nh_sz = RTE_FIB6_TRIE_4B, .num_tbl8 = TBL8_GROUPS},
	};
	uint32_t at;

	fib = rte_fib6_create("peers_fib6", SOCKET_ID_ANY, &config);
	if (fib == NULL)
		return complain("rte_fib6_create: %s", rte_strerror(rte_errno));
	for (at = 0; at < count; at++)
		if (rte_fib6_add(fib, routes[at].first, (uint8_t)routes[at].length,
				 routes[at].hop) != 0)
			return complain("rte_fib6_add: no room");
	/* Refused where the processor has none: then it stays as it was chosen. */
	rte_fib6_select_lookup(fib, RTE_FIB6_LOOKUP_TRIE_VECTOR_AVX512);
	return 0;
}

static int prepare(const char *file)
{
	struct input *input;
	struct route6 *routes;
	size_t len;

	if (addresses != NULL)
		return 0;
	input = read_file(file, &len);
	if (input == NULL)
		return -1;
	if (len != sizeof(*input) + input->routes * sizeof(*routes) + input->addresses * 16 ||
	    input->addresses % BURST != 0)
		return complain("the input is not as long as it says");
	routes = (struct route6 *)(input + 1);
	if (make_lpm6(routes, input->routes) != 0 || make_fib6(routes, input->routes) != 0)
		return -1;
	addresses = (uint8_t(*)[16])(routes + input->routes);
	count = input->addresses;
	return 0;
}

static inline uint8_t (*next_burst(void))[16]
{
	uint8_t(*burst)[16] = &addresses[next];

	next = next + BURST == count ? 0 : next + BURST;
	return burst;
}

static int run_lpm(uint64_t units)
{
	int32_t answers[BURST];
	uint64_t unit;

	for (unit = 0; unit < units; unit += BURST) {
		rte_lpm6_lookup_bulk_func(lpm, next_burst(), answers, BURST);
		KEEP(&answers);
	}
	return 0;
}

static int run_fib(uint64_t units)
{
	uint64_t answers[BURST], unit;

	for (unit = 0; unit < units; unit += BURST) {
		rte_fib6_lookup_bulk(fib, next_burst(), answers, BURST);
		KEEP(&answers);
	}
	return 0;
}

/* A hop of two bytes for each address; NO_HOP for none. */
static int write_hop(FILE *out, uint64_t hop)
{
	const uint16_t written = (uint16_t)hop;

	if (fwrite(&written, sizeof(written), 1, out) != 1)
		return complain("the answer cannot be written");
	return 0;
}

static int answer_lpm(FILE *out)
{
	int32_t answers[BURST];
	uint32_t done, at;

	next = 0;
	for (done = 0; done < count; done += BURST) {
		rte_lpm6_lookup_bulk_func(lpm, next_burst(), answers, BURST);
		for (at = 0; at < BURST; at++)
			if (write_hop(out, answers[at] < 0 ? NO_HOP : (uint64_t)answers[at]) != 0)
				return -1;
	}
	return 0;
}

static int answer_fib(FILE *out)
{
	uint64_t answers[BURST];
	uint32_t done, at;

	next = 0;
	for (done = 0; done < count; done += BURST) {
		rte_fib6_lookup_bulk(fib, next_burst(), answers, BURST);
		for (at = 0; at < BURST; at++)
			if (write_hop(out, answers[at]) != 0)
				return -1;
	}
	return 0;
}

const struct peer lpm6_peers[] = {
	{"lpm6", prepare, run_lpm, answer_lpm},
	{"fib6", prepare, run_fib, answer_fib},
	{NULL, NULL, NULL, NULL},
};
