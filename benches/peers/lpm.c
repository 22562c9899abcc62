/* IPv4 look-ups, 32 at a time: rte_lpm and rte_fib. */

#include "peers.h"
#include "tables.h"

#include <rte_fib.h>
#include <rte_lpm.h>

/* The bench's input: this, the routes, the addresses (a multiple of 32, in host order). */
struct input {
	uint32_t routes;
	uint32_t addresses;
};

static struct rte_lpm *lpm;
static struct rte_fib *fib;
static const uint32_t *addresses;
static uint32_t count;
static uint32_t next;

static int prepare(const char *file)
{
	const struct input *input;
	const struct route4 *routes;
	size_t len;

	if (addresses != NULL)
		return 0;
	input = read_file(file, &len);
	if (input == NULL)
		return -1;
	if (len != sizeof(*input) + input->routes * sizeof(*routes) + input->addresses * 4 ||
	    input->addresses % BURST != 0)
		return complain("the input is not as long as it says");
	routes = (const struct route4 *)(input + 1);
	lpm = make_lpm(routes, input->routes);
	fib = make_fib(routes, input->routes);
	addresses = (const uint32_t *)(routes + input->routes);
	count = input->addresses;
	return lpm == NULL || fib == NULL ? -1 : 0;
}

static inline const uint32_t *next_burst(void)
{
	const uint32_t *burst = &addresses[next];

	next = next + BURST == count ? 0 : next + BURST;
	return burst;
}

static int run_lpm(uint64_t units)
{
	uint32_t answers[BURST];
	uint64_t unit;

	for (unit = 0; unit < units; unit += BURST) {
		rte_lpm_lookup_bulk(lpm, next_burst(), answers, BURST);
		KEEP(&answers);
	}
	return 0;
}

static int run_fib(uint64_t units)
{
	uint64_t answers[BURST], unit;

	for (unit = 0; unit < units; unit += BURST) {
		rte_fib_lookup_bulk(fib, (uint32_t *)(uintptr_t)next_burst(), answers, BURST);
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
	uint32_t answers[BURST], done, at;

	next = 0;
	for (done = 0; done < count; done += BURST) {
		rte_lpm_lookup_bulk(lpm, next_burst(), answers, BURST);
		for (at = 0; at < BURST; at++)
			if (write_hop(out, answers[at] & RTE_LPM_LOOKUP_SUCCESS
						   ? answers[at] & 0xffffff
						   : NO_HOP) != 0)
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
		rte_fib_lookup_bulk(fib, (uint32_t *)(uintptr_t)next_burst(), answers, BURST);
		for (at = 0; at < BURST; at++)
			if (write_hop(out, answers[at]) != 0)
				return -1;
	}
	return 0;
}

const struct peer lpm_peers[] = {
	{"lpm", prepare, run_lpm, answer_lpm},
	{"fib", prepare, run_fib, answer_fib},
	{NULL, NULL, NULL, NULL},
};
