/* Packets in hand, in the order of memory and shuffled. */

#include "belt.h"
#include "packets.h"

#include <stdlib.h>
#include <string.h>

struct belt belts[2];

static const struct frame *loaded;

/* Where the frames lie: by number. */
static struct rte_mbuf *by_number[SEATS];

static int by_address(const void *a, const void *b)
{
	const uintptr_t left = (uintptr_t)*(struct rte_mbuf *const *)a;
	const uintptr_t right = (uintptr_t)*(struct rte_mbuf *const *)b;

	return (left > right) - (left < right);
}

/* As the bench shuffles its own packets, by the same numbers. */
static void shuffle(struct rte_mbuf **things, uint32_t count)
{
	uint64_t random = 0x9e3779b97f4a7c15;
	uint32_t at;

	for (at = count - 1; at > 0; at--) {
		uint32_t other;
		struct rte_mbuf *thing;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		other = (uint32_t)(random % (at + 1));
		thing = things[at];
		things[at] = things[other];
		things[other] = thing;
	}
}

static void close_circle(struct belt *belt)
{
	memcpy(&belt->seats[SEATS], belt->seats, 2 * BURST * sizeof(*belt->seats));
}

int belt_load(const struct frame *frames)
{
	/* Twice as many as there are seats, as in the bench's own pool. */
	struct rte_mempool *pool = packet_pool("peers_belt", 2 * SEATS - 1, 256);
	struct rte_mbuf **seats = belts[IN_ORDER].seats;
	uint32_t at;

	if (pool == NULL)
		return -1;
	if (rte_pktmbuf_alloc_bulk(pool, seats, SEATS) != 0)
		return complain("rte_pktmbuf_alloc_bulk: too few");
	qsort(seats, SEATS, sizeof(*seats), by_address);
	memcpy(belts[SHUFFLED].seats, seats, SEATS * sizeof(*seats));
	shuffle(belts[SHUFFLED].seats, SEATS);
	close_circle(&belts[IN_ORDER]);
	close_circle(&belts[SHUFFLED]);
	memcpy(by_number, seats, sizeof(by_number));
	for (at = 0; at < SEATS; at++)
		if (rte_pktmbuf_append(seats[at], FRAME) == NULL)
			return complain("rte_pktmbuf_append: no room");
	loaded = frames;
	belt_refresh();
	return 0;
}

void belt_refresh(void)
{
	uint32_t at;

	for (at = 0; at < SEATS; at++)
		memcpy(rte_pktmbuf_mtod(by_number[at], void *), loaded[at].bytes, FRAME);
}

void belt_ride(void)
{
	static uint32_t rides;

	if (++rides % RIDES == 0)
		belt_refresh();
}

int belt_write(FILE *out)
{
	uint32_t at;

	for (at = 0; at < SEATS; at++)
		if (fwrite(rte_pktmbuf_mtod(by_number[at], void *), FRAME, 1, out) != 1)
			return complain("the answer cannot be written");
	return 0;
}
