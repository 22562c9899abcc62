/* Pools of packets, laid out as well as the pages allow, and packets as the bench writes them. */

#include "packets.h"
#include "peers.h"

#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

struct rte_mempool *packet_pool(const char *name, unsigned int count, unsigned int cache)
{
	/* On ordinary pages rte_pktmbuf_pool_create() gives each packet a page of its own, so that the
	 * headers of a burst fall into the same few sets of the caches, and everything takes twice
	 * as long. No device reads these packets, so they may lie across pages: densely. */
	const unsigned int flags = on_huge_pages ? 0 : RTE_MEMPOOL_F_NO_IOVA_CONTIG;
	struct rte_pktmbuf_pool_private private = {
		.mbuf_data_room_size = RTE_MBUF_DEFAULT_BUF_SIZE,
	};
	const unsigned int size = sizeof(struct rte_mbuf) + RTE_MBUF_DEFAULT_BUF_SIZE;
	struct rte_mempool *pool;
	int made;

	pool = rte_mempool_create_empty(name, count, size, cache, sizeof(private), SOCKET_ID_ANY,
					flags);
	if (pool == NULL) {
		complain("rte_mempool_create_empty: %s", rte_strerror(rte_errno));
		return NULL;
	}
	rte_pktmbuf_pool_init(pool, &private);
	made = rte_mempool_populate_default(pool);
	if (made != (int)count) {
		complain("rte_mempool_populate_default: %s", made < 0 ? rte_strerror(-made) : "too few");
		rte_mempool_free(pool);
		return NULL;
	}
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	return pool;
}

uint32_t read_packets(const char *file, struct bytes **packets)
{
	const uint8_t *bytes;
	uint32_t count = 0, len;
	size_t left;

	bytes = read_file(file, &left);
	if (bytes == NULL)
		return 0;
	/* Each is at least as long as its length is. */
	*packets = calloc(left / sizeof(len) + 1, sizeof(**packets));
	while (*packets != NULL && left >= sizeof(len)) {
		uint8_t *copy;

		memcpy(&len, bytes, sizeof(len));
		bytes += sizeof(len);
		left -= sizeof(len);
		copy = left < len ? NULL : aligned_alloc(64, (len + 63) / 64 * 64 + 64);
		if (copy == NULL)
			break;
		memcpy(copy, bytes, len);
		bytes += len;
		left -= len;
		(*packets)[count].bytes = copy;
		(*packets)[count].len = len;
		count++;
	}
	if (left != 0 || count == 0) {
		complain("the input is cut short, or there is no memory for it");
		return 0;
	}
	return count;
}
