/* rte_mempool and rte_pktmbuf: 32 out and back through the cache of this core. */

#include "peers.h"
#include "packets.h"

#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

/* As many frames, and as long a cache, as Linecard's pool in the bench. */
#define FRAMES 8192
#define CACHE 256

static struct rte_mempool *objects;
static struct rte_mempool *packets;

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

const struct peer pool_peers[] = {
	{"mempool_bulk", prepare_objects, run_objects, NULL},
	{"pktmbuf_bulk", prepare_packets, run_packets, NULL},
	{NULL, NULL, NULL, NULL},
};
