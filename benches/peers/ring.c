/* rte_ring on one thread: items in, items out, in each of its ways of synchronization. */

#include "peers.h"

#include <rte_errno.h>
#include <rte_ring.h>

/* As many slots as the other rings of the bench. */
#define SLOTS 1024

static struct rte_ring *rings[4];

static int prepare(unsigned int which, const char *name, unsigned int flags)
{
	if (rings[which] != NULL)
		return 0;
	rings[which] = rte_ring_create(name, SLOTS, 0, flags);
	if (rings[which] == NULL)
		return complain("rte_ring_create: %s", rte_strerror(rte_errno));
	return 0;
}

/* The functions that name the way: the general ones would look it up in each call. */
#define WAY(way, which, flags, enqueue, dequeue)                                               \
	static int prepare_##way(const char *file)                                             \
	{                                                                                      \
		(void)file;                                                                    \
		return prepare(which, "peers_" #way, flags);                                   \
	}                                                                                      \
                                                                                               \
	static int way##_single(uint64_t units)                                                \
	{                                                                                      \
		struct rte_ring *ring = rings[which];                                          \
		uint64_t unit;                                                                 \
                                                                                               \
		for (unit = 0; unit < units; unit++) {                                         \
			void *item = (void *)(uintptr_t)unit;                                  \
                                                                                               \
			if (enqueue(ring, &item, 1, NULL) != 1)                                \
				return complain(#way ": full");                                \
			if (dequeue(ring, &item, 1, NULL) != 1)                                \
				return complain(#way ": empty");                               \
			KEEP(item);                                                            \
		}                                                                              \
		return 0;                                                                      \
	}                                                                                      \
                                                                                               \
	static int way##_bulk(uint64_t units)                                                  \
	{                                                                                      \
		struct rte_ring *ring = rings[which];                                          \
		void *in[BURST], *out[BURST];                                                  \
		uint64_t unit;                                                                 \
                                                                                               \
		for (unit = 0; unit < BURST; unit++)                                           \
			in[unit] = (void *)(uintptr_t)unit;                                    \
		for (unit = 0; unit < units; unit += BURST) {                                  \
			KEEP(&in);                                                             \
			if (enqueue(ring, in, BURST, NULL) != BURST)                           \
				return complain(#way ": full");                                \
			if (dequeue(ring, out, BURST, NULL) != BURST)                          \
				return complain(#way ": empty");                               \
			KEEP(&out);                                                            \
		}                                                                              \
		return 0;                                                                      \
	}

WAY(spsc, 0, RING_F_SP_ENQ | RING_F_SC_DEQ, rte_ring_sp_enqueue_bulk, rte_ring_sc_dequeue_bulk)
WAY(mpmc, 1, 0, rte_ring_mp_enqueue_bulk, rte_ring_mc_dequeue_bulk)
WAY(hts, 2, RING_F_MP_HTS_ENQ | RING_F_MC_HTS_DEQ, rte_ring_mp_hts_enqueue_bulk,
    rte_ring_mc_hts_dequeue_bulk)
WAY(rts, 3, RING_F_MP_RTS_ENQ | RING_F_MC_RTS_DEQ, rte_ring_mp_rts_enqueue_bulk,
    rte_ring_mc_rts_dequeue_bulk)

const struct peer ring_peers[] = {
	{"ring_spsc_single", prepare_spsc, spsc_single, NULL},
	{"ring_spsc_bulk", prepare_spsc, spsc_bulk, NULL},
	{"ring_mpmc_single", prepare_mpmc, mpmc_single, NULL},
	{"ring_mpmc_bulk", prepare_mpmc, mpmc_bulk, NULL},
	{"ring_hts_single", prepare_hts, hts_single, NULL},
	{"ring_hts_bulk", prepare_hts, hts_bulk, NULL},
	{"ring_rts_single", prepare_rts, rts_single, NULL},
	{"ring_rts_bulk", prepare_rts, rts_bulk, NULL},
	{NULL, NULL, NULL, NULL},
};
