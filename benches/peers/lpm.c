/* IPv4 look-ups, 32 at a time: rte_lpm and rte_fib; and changes of the latter. */

#include "lookups.h"
#include "tables.h"

#include <rte_fib.h>
#include <rte_lpm.h>

/* Addresses are in host order. */
#define ADDRESS 4

static struct rte_lpm *lpm;
static struct rte_fib *fib;
static struct lookups lookups;
static const struct input *input;
static const struct route4 *routes;
static uint32_t flapping;

static int prepare_fib(const char *file)
{
	if (input != NULL)
		return 0;
	input = read_lookups(&lookups, file, sizeof(*routes), ADDRESS);
	if (input == NULL)
		return -1;
	routes = (const struct route4 *)(input + 1);
	fib = make_fib(routes, input->routes);
	return fib == NULL ? -1 : 0;
}

static int prepare(const char *file)
{
	if (lpm != NULL)
		return 0;
	if (prepare_fib(file) != 0)
		return -1;
	lpm = make_lpm(routes, input->routes);
	return lpm == NULL ? -1 : 0;
}

static void look_up_lpm(const void *addresses, union answers *answers)
{
	rte_lpm_lookup_bulk(lpm, addresses, answers->u32, BURST);
}

static void look_up_fib(const void *addresses, union answers *answers)
{
	rte_fib_lookup_bulk(fib, (uint32_t *)(uintptr_t)addresses, answers->u64, BURST);
}

static uint64_t hop_of_lpm(const union answers *answers, uint32_t at)
{
	const uint32_t answer = answers->u32[at];

	return answer & RTE_LPM_LOOKUP_SUCCESS ? answer & 0xffffff : NO_HOP;
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

static int run_fib_update(uint64_t units)
{
	for (; units > 0; units--) {
		const struct route4 *route = &routes[flapping];

		if (rte_fib_delete(fib, route->first, (uint8_t)route->length) != 0 ||
		    rte_fib_add(fib, route->first, (uint8_t)route->length, route->hop) != 0)
			return complain("a route that was there does not go and come");
		flapping = next_flap(flapping, input->routes);
	}
	return 0;
}

const struct peer lpm_peers[] = {
	{"lpm", prepare, run_lpm, answer_lpm},
	{"fib", prepare, run_fib, answer_fib},
	{"fib_update", prepare_fib, run_fib_update, NULL},
	{NULL, NULL, NULL, NULL},
};
