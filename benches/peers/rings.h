/* The packets in hand once more, behind rings: received from one, sent to one by port, as from and to devices. This is
 * what a forwarder has to do besides, and what Linecard's contenders do. */

#ifndef RINGS_H
#define RINGS_H

#include "belt.h"

#include <rte_ring.h>

#define PORTS 2

/* Where all packets of an order wait. */
extern struct rte_ring *belt_rings[2];

/* Packets on their way to a port: sent when there are BURST of them. */
struct outbox {
	struct rte_mbuf *packets[BURST];
	uint32_t count;
};

/* Fills the rings, once the belts are loaded. */
int rings_load(void);

/* The next burst; its mbufs are asked for. */
static inline void receive(enum order order, struct rte_mbuf **burst)
{
	static uint32_t received;
	uint32_t at;

	/* There is always a burst: what is sent comes back. */
	rte_ring_sc_dequeue_bulk(belt_rings[order], (void **)burst, BURST, NULL);
	received += BURST;
	if (unlikely(received % SEATS == 0))
		belt_ride();
	for (at = 0; at < BURST; at++)
		rte_prefetch0(burst[at]);
}

/* Each packet to its port. Whatever the port, it comes back by the same ring. */
static inline void send(enum order order, struct outbox *boxes, struct rte_mbuf **burst,
			const uint32_t *ports)
{
	uint32_t at;

	for (at = 0; at < BURST; at++) {
		struct outbox *box = &boxes[ports[at] % PORTS];

		box->packets[box->count++] = burst[at];
		if (box->count == BURST) {
			rte_ring_sp_enqueue_bulk(belt_rings[order], (void **)box->packets, BURST,
						 NULL);
			box->count = 0;
		}
	}
}

#endif
