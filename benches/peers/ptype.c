/* rte_net_get_ptype(): what a packet is, and where its layers are. */

#include "packets.h"
#include "peers.h"

#include <string.h>

#include <rte_mbuf.h>
#include <rte_net.h>

#define MOST 16384

static struct rte_mbuf *packets[MOST];
static uint32_t count;

static int prepare(const char *file)
{
	static struct rte_mempool *pool;
	struct bytes *bytes;
	uint32_t at;

	if (pool == NULL)
		pool = packet_pool("peers_ptype", MOST - 1, 0);
	else
		rte_pktmbuf_free_bulk(packets, count);
	count = 0;
	if (pool == NULL)
		return -1;
	at = read_packets(file, &bytes);
	if (at == 0 || at >= MOST || rte_pktmbuf_alloc_bulk(pool, packets, at) != 0)
		return at == 0 ? -1 : complain("%u packets", at);
	count = at;
	for (at = 0; at < count; at++) {
		char *data = rte_pktmbuf_append(packets[at], (uint16_t)bytes[at].len);

		if (data == NULL)
			return complain("a packet of %u bytes", bytes[at].len);
		memcpy(data, bytes[at].bytes, bytes[at].len);
	}
	return 0;
}

/* Where layer 4 begins: what a program wants of a parser. */
static uint32_t l4_offset(const struct rte_mbuf *packet)
{
	struct rte_net_hdr_lens lens;
	const uint32_t type = rte_net_get_ptype(packet, &lens, RTE_PTYPE_ALL_MASK);

	return (type & RTE_PTYPE_L4_MASK) == 0 ? 0 : (uint32_t)lens.l2_len + lens.l3_len;
}

static int run(uint64_t units)
{
	uint32_t sum = 0, at;
	uint64_t unit;

	for (unit = 0; unit < units; unit += count)
		for (at = 0; at < count; at++)
			sum += l4_offset(packets[at]);
	KEEP(sum);
	return 0;
}

static int answer(FILE *out)
{
	uint32_t at;

	for (at = 0; at < count; at++) {
		const uint32_t offset = l4_offset(packets[at]);

		if (fwrite(&offset, sizeof(offset), 1, out) != 1)
			return complain("the answer cannot be written");
	}
	return 0;
}

const struct peer ptype_peers[] = {
	{"ptype", prepare, run, answer},
	{NULL, NULL, NULL, NULL},
};
