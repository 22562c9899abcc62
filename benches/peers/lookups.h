/* What the look-ups of IPv4 and of IPv6 share: their input, and 32 addresses at a time. */

#ifndef LOOKUPS_H
#define LOOKUPS_H

#include "peers.h"

/* The bench's input: this, the routes, the addresses (a multiple of 32). */
struct input {
	uint32_t routes;
	uint32_t addresses;
};

/* The addresses, gone through again and again. */
struct lookups {
	const uint8_t *addresses;
	uint32_t count;
	uint32_t next;
};

/* What a table says of 32 addresses. */
union answers {
	uint32_t u32[BURST];
	int32_t s32[BURST];
	uint64_t u64[BURST];
};

typedef void (*look_up)(const void *addresses, union answers *answers);

/* What one answer says: a hop, or NO_HOP. */
typedef uint64_t (*hop_of)(const union answers *answers, uint32_t at);

/* Reads a file with routes and addresses of these sizes. Gives what it begins with, behind which the routes are; NULL
 * after complain(). */
const struct input *read_lookups(struct lookups *lookups, const char *file, size_t route,
				 size_t address);

/* Writes the hops of all addresses, two bytes each. */
int write_hops(FILE *out, struct lookups *lookups, size_t address, look_up look_up,
	       hop_of hop_of);

static inline const void *next_burst(struct lookups *of, size_t address)
{
	const void *burst = of->addresses + of->next * address;

	of->next = of->next + BURST == of->count ? 0 : of->next + BURST;
	return burst;
}

/* With constants for all but the units, so that the look-up is no call by address. */
static inline __attribute__((always_inline)) int run_lookups(uint64_t units, struct lookups *lookups,
							     size_t address, look_up look_up)
{
	union answers answers;
	uint64_t unit;

	if (lookups->count == 0)
		return complain("the input has no addresses");
	for (unit = 0; unit < units; unit += BURST) {
		look_up(next_burst(lookups, address), &answers);
		KEEP(&answers);
	}
	return 0;
}

/* Which routes go and come, one a unit: each seventh, as of the other tables. */
#define FLAP_STRIDE 7

static inline uint32_t next_flap(uint32_t at, uint32_t routes)
{
	return at + FLAP_STRIDE < routes ? at + FLAP_STRIDE : 0;
}

#endif
