/* A port whose far side the program has: two rings, for tests. */
#include <errno.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "shim.h"

struct rte_ring *lc_dpdk_ring(const char *name, unsigned count)
{
	return rte_ring_create(name, count, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_EXACT_SZ);
}


int lc_dpdk_ring_port(const char *name, struct rte_ring *rx, struct rte_ring *tx)
{
	return rte_eth_from_rings(name, &rx, 1, &tx, 1, 0);
}

static void mark(struct rte_mbuf *mbuf, const struct lc_dpdk_found *found)
{
	static const uint64_t l3[] = {0, RTE_MBUF_F_RX_IP_CKSUM_GOOD, RTE_MBUF_F_RX_IP_CKSUM_BAD};
	static const uint64_t l4[] = {0, RTE_MBUF_F_RX_L4_CKSUM_GOOD, RTE_MBUF_F_RX_L4_CKSUM_BAD,
				      RTE_MBUF_F_RX_L4_CKSUM_NONE};

	mbuf->ol_flags |= l3[found->l3 % 3] | l4[found->l4 % 4];
	if (found->hashed) {
		mbuf->ol_flags |= RTE_MBUF_F_RX_RSS_HASH;
		mbuf->hash.rss = found->hash;
	}
	if (found->stripped) {
		mbuf->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
		mbuf->vlan_tci = (uint16_t)found->vlan_tci;
	}
}

/* 0 if there is no room or no mbuf; the bytes are spread over mbufs of `part` bytes, of the two mempools
 * in turn. */
int lc_dpdk_ring_put(struct rte_ring *ring, struct rte_mempool *mp, struct rte_mempool *other, const uint8_t *data,
		     uint32_t len, uint32_t part, const struct lc_dpdk_found *found)
{
	struct rte_mbuf *head = NULL, *last = NULL, *mbuf;
	uint32_t done = 0;

	if (rte_ring_free_count(ring) == 0)
		return 0;
	do {
		uint32_t now = len - done < part ? len - done : part;

		mbuf = rte_pktmbuf_alloc(head == NULL || last->pool == other ? mp : other);
		if (mbuf == NULL) {
			rte_pktmbuf_free(head);
			return 0;
		}
		/* A long one uses the headroom too. */
		if (now > rte_pktmbuf_tailroom(mbuf))
			mbuf->data_off = (uint16_t)(mbuf->buf_len - now);
		memcpy(rte_pktmbuf_mtod(mbuf, void *), data + done, now);
		mbuf->data_len = (uint16_t)now;
		mbuf->pkt_len = now;
		done += now;
		if (head == NULL) {
			head = mbuf;
		} else {
			last->next = mbuf;
			head->nb_segs++;
			head->pkt_len += now;
		}
		last = mbuf;
	} while (done < len);
	mark(head, found);
	if (rte_ring_enqueue(ring, head) != 0) {
		rte_pktmbuf_free(head);
		return 0;
	}
	return 1;
}

/* The bytes of the next packet, up to `room`, and its length; negative if there is none. */
int64_t lc_dpdk_ring_get(struct rte_ring *ring, uint8_t *data, uint32_t room)
{
	struct rte_mbuf *head, *mbuf;
	uint32_t done = 0;

	if (rte_ring_dequeue(ring, (void **)&head) != 0)
		return -1;
	for (mbuf = head; mbuf != NULL; mbuf = mbuf->next) {
		uint32_t now = mbuf->data_len;

		if (data != NULL && done + now <= room)
			memcpy(data + done, rte_pktmbuf_mtod(mbuf, void *), now);
		done += now;
	}
	rte_pktmbuf_free(head);
	return done;
}
