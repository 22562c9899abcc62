/* Rings with the packets in hand. */

#include "rings.h"

#include <rte_errno.h>

struct rte_ring *belt_rings[2];

int rings_load(void)
{
	static const char *const names[] = {"peers_in_order", "peers_shuffled"};
	unsigned int order;

	for (order = IN_ORDER; order <= SHUFFLED; order++) {
		struct rte_ring *ring =
			rte_ring_create(names[order], SEATS, 0,
					RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);

		if (ring == NULL)
			return complain("rte_ring_create: %s", rte_strerror(rte_errno));
		if (rte_ring_sp_enqueue_bulk(ring, (void **)belts[order].seats, SEATS, NULL) !=
		    SEATS)
			return complain("%s: full", names[order]);
		belt_rings[order] = ring;
	}
	return 0;
}
