/* IPv6 look-ups, 32 at a time: rte_lpm6 and rte_fib6; and changes of the latter. */

#include "lookups.h"
#include "tables.h"

#include <rte_errno.h>
#include <rte_fib6.h>
#include <rte_lpm6.h>
#include <rte_memory.h>

/* Addresses are in the order of the network. */
#define ADDRESS 16

struct route6 {
	uint8_t first[16];
	uint16_t length;
	uint16_t hop;
};

/* The full Internet table takes 2^17 of rte_lpm6's groups, and more than that of rte_fib6's. */
#define LPM_GROUPS (1 << 17)
#define FIB_GROUPS (1 << 18)

static struct rte_lpm6 *lpm;
static struct rte_fib6 *fib;
static struct lookups lookups;
static const struct input *input;
static const struct route6 *routes;
static uint32_t flapping;

static int make_lpm6(const struct route6 *routes, uint32_t count)
{
	const struct rte_lpm6_config config = {
		.max_rules = count + 16,
		.number_tbl8s = LPM_GROUPS,
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
		.trie = {.nh_sz = RTE_FIB6_TRIE_4B, .num_tbl8 = FIB_GROUPS},
	};
	uint32_t at;

	fib = rte_fib6_create("peers_fib6", SOCKET_ID_ANY, &config);
	if (fib == NULL)
		return complain("rte_fib6_create: %s", rte_strerror(rte_errno));
	for (at = 0; at < count; at++)
		if (rte_fib6_add(fib, routes[at].first, (uint8_t)routes[at].length,
				 routes[at].hop) != 0)
			return complain("rte_fib6_add of route %u: no room", at);
	/* Refused where the processor has none: then it stays as it was chosen. */
	rte_fib6_select_lookup(fib, RTE_FIB6_LOOKUP_TRIE_VECTOR_AVX512);
	return 0;
}

static int prepare_fib(const char *file)
{
	if (input != NULL)
		return 0;
	input = read_lookups(&lookups, file, sizeof(*routes), ADDRESS);
	if (input == NULL)
		return -1;
	routes = (const struct route6 *)(input + 1);
	return make_fib6(routes, input->routes);
}

static int prepare(const char *file)
{
	if (lpm != NULL)
		return 0;
	return prepare_fib(file) != 0 ? -1 : make_lpm6(routes, input->routes);
}

static void look_up_lpm(const void *addresses, union answers *answers)
{
	rte_lpm6_lookup_bulk_func(lpm, (uint8_t(*)[ADDRESS])(uintptr_t)addresses, answers->s32,
				  BURST);
}

static void look_up_fib(const void *addresses, union answers *answers)
{
	rte_fib6_lookup_bulk(fib, (uint8_t(*)[ADDRESS])(uintptr_t)addresses, answers->u64, BURST);
}

static uint64_t hop_of_lpm(const union answers *answers, uint32_t at)
{
	const int32_t answer = answers->s32[at];

	return answer < 0 ? NO_HOP : (uint64_t)answer;
}

static uint64_t hop_of_fib(const union answers *answers, uint32_t at)
{
	return answers->u64[at];
}

static int run_lpm(uint64_t units)
{
	return run_lookups(units, &lookups, ADDRESS, look_up_lpm);
}

static int run_fib(uint64_t units)
{
	return run_lookups(units, &lookups, ADDRESS, look_up_fib);
}

static int answer_lpm(FILE *out)
{
	return write_hops(out, &lookups, ADDRESS, look_up_lpm, hop_of_lpm);
}

static int answer_fib(FILE *out)
{
	return write_hops(out, &lookups, ADDRESS, look_up_fib, hop_of_fib);
}

/* libdpdk reckons with up to three groups more each time that a route goes and comes, and in the end
 * with more than there are: rte_fib6_delete() takes none off while the route itself still covers them (22.11). */
static int make_fib6_anew(void)
{
	rte_fib6_free(fib);
	fib = NULL;
	return make_fib6(routes, input->routes);
}

static int run_fib_update(uint64_t units)
{
	for (; units > 0; units--) {
		const struct route6 *route = &routes[flapping];

		if (rte_fib6_delete(fib, route->first, (uint8_t)route->length) != 0)
			return complain("a route that was there does not go");
		if (rte_fib6_add(fib, route->first, (uint8_t)route->length, route->hop) != 0 &&
		    make_fib6_anew() != 0)
			return -1;
		flapping = next_flap(flapping, input->routes);
	}
	return 0;
}

const struct peer lpm6_peers[] = {
	{"lpm6", prepare, run_lpm, answer_lpm},
	{"fib6", prepare, run_fib, answer_fib},
	{"fib6_update", prepare_fib, run_fib_update, NULL},
	{NULL, NULL, NULL, NULL},
};
