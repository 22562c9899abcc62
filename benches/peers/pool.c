/* rte_mempool and rte_pktmbuf: 32 out and back through the cache of this core. */

#include "peers.h"
#include "packets.h"

#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

/* As many frames, and as long a cache, as Linecard's pool in the bench. */
#define FRAMES 8192
#define CACHE 256

static struct rte_mempool *objects;
static struct rte_mempool *packets;
static struct rte_mempool *elsewhere;

static int prepare_objects(const char *file)
{
	(void)file;
	if (objects == NULL)
		objects = rte_mempool_create("peers_objects", FRAMES - 1, 2048, CACHE, 0, NULL, NULL,
					     NULL, NULL, SOCKET_ID_ANY, 0);
	if (objects == NULL)
		return complain("rte_mempool_create: %s", rte_strerror(rte_errno));
	return 0;
}

static int run_objects(uint64_t units)
{
	void *out[BURST];
	uint64_t unit;

	for (unit = 0; unit < units; unit += BURST) {
		if (rte_mempool_get_bulk(objects, out, BURST) != 0)
			return complain("rte_mempool_get_bulk: empty");
		KEEP(&out);
		rte_mempool_put_bulk(objects, out, BURST);
	}
	return 0;
}

static int prepare_packets(const char *file)
{
	(void)file;
	if (packets == NULL)
		packets = packet_pool("peers_packets", FRAMES - 1, CACHE);
	return packets == NULL ? -1 : 0;
}

static int run_packets(uint64_t units)
{
	struct rte_mbuf *out[BURST];
	uint64_t unit;

	for (unit = 0; unit < units; unit += BURST) {
		if (rte_pktmbuf_alloc_bulk(packets, out, BURST) != 0)
			return complain("rte_pktmbuf_alloc_bulk: empty");
		KEEP(&out);
		rte_pktmbuf_free_bulk(out, BURST);
	}
	return 0;
}

/* Mbufs of DPDK's own pool, each with a buffer in memory that is somebody else's. */
static int prepare_elsewhere(const char *file)
{
	struct rte_pktmbuf_extmem memory = {.buf_iova = RTE_BAD_IOVA, .elt_size = 2048};

	(void)file;
	if (elsewhere != NULL)
		return 0;
	memory.buf_len = (size_t)FRAMES * memory.elt_size;
	memory.buf_ptr = rte_malloc("peers_elsewhere", memory.buf_len, RTE_CACHE_LINE_SIZE);
	if (memory.buf_ptr == NULL)
		return complain("rte_malloc: no room");
	elsewhere = rte_pktmbuf_pool_create_extbuf("peers_elsewhere", FRAMES - 1, CACHE, 0, 2048,
						   SOCKET_ID_ANY, &memory, 1);
	if (elsewhere == NULL)
		return complain("rte_pktmbuf_pool_create_extbuf: %s", rte_strerror(rte_errno));
	return 0;
}

static int alloc_and_free(struct rte_mempool *pool, uint64_t units)
{
	struct rte_mbuf *out[BURST];
	uint64_t unit;
	unsigned int i;

	for (unit = 0; unit < units; unit += BURST) {
		if (rte_pktmbuf_alloc_bulk(pool, out, BURST) != 0)
			return complain("rte_pktmbuf_alloc_bulk: empty");
		KEEP(&out);
		for (i = 0; i < BURST; i++)
			rte_pktmbuf_free(out[i]);
	}
	return 0;
}

static int run_one_by_one(uint64_t units) { return alloc_and_free(packets, units); }

static int run_elsewhere(uint64_t units) { return alloc_and_free(elsewhere, units); }

const struct peer pool_peers[] = {
	{"pktmbuf_free", prepare_packets, run_one_by_one, NULL},
	{"pktmbuf_extbuf", prepare_elsewhere, run_elsewhere, NULL},
	{"mempool_bulk", prepare_objects, run_objects, NULL},
	{"pktmbuf_bulk", prepare_packets, run_packets, NULL},
	{NULL, NULL, NULL, NULL},
};
