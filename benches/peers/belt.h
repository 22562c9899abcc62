/* Packets in hand: the same ones again and again, in two orders, with nothing between a burst and the next. */

#ifndef BELT_H
#define BELT_H

#include "peers.h"

#include <rte_mbuf.h>
#include <rte_prefetch.h>

#define SEATS 8192

/* Frames as the bench writes them. */
#define FRAME 60
struct frame {
	uint8_t bytes[64];
};

enum order { IN_ORDER, SHUFFLED };

/* One order of the packets; two have the same packets. Behind the last come the first ones once more, so
 * that who prefetches need not look where the end is. */
struct belt {
	struct rte_mbuf *seats[SEATS + 2 * BURST];
	uint32_t next;
};

extern struct belt belts[2];

/* Makes SEATS packets of as many frames; called once. */
int belt_load(const struct frame *frames);

/* Once in RIDES rides, all packets get their first bytes again: a router takes one from a TTL of 255 in each
 * ride, whichever the order. */
#define RIDES 200
void belt_ride(void);

/* All packets as they were loaded. */
void belt_refresh(void);

/* Writes all frames as they are now, in the order of loading. */
int belt_write(FILE *out);

/* The next burst's packets. */
static inline struct rte_mbuf **belt_burst(struct belt *belt)
{
	struct rte_mbuf **burst;

	if (unlikely(belt->next == SEATS)) {
		belt->next = 0;
		belt_ride();
	}
	burst = &belt->seats[belt->next];
	belt->next += BURST;
	return burst;
}

/* Asks for the headers of the burst behind this one, and for the mbufs of the one behind that: without
 * the mbuf nobody knows where the header is. */
static inline void belt_prefetch(struct rte_mbuf **burst)
{
	uint32_t at;

	for (at = 0; at < BURST; at++) {
		rte_prefetch0(burst[at + 2 * BURST]);
		rte_prefetch0(rte_pktmbuf_mtod(burst[at + BURST], void *));
	}
}

#endif
